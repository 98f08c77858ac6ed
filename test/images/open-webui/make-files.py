"""Writes a file of each kind that is read, with a fact in it, in a process of its own: what writes them is not what the server needs."""
import os, sys, zipfile
from openpyxl import Workbook
from pptx import Presentation

folder = sys.argv[1]
def at(kind): return os.path.join(folder, "planted." + kind)
def fact(kind): return f"The harbour of {kind} opens at dawn"

for kind, text in {
    "txt": fact("txt"),
    "md": "# Harbours\n\n" + fact("md"),
    "csv": "harbour,opens\n" + fact("csv") + ",dawn\n",
    "html": f"<html><body><p>{fact('html')}</p></body></html>",
}.items():
    with open(at(kind), "w") as file: file.write(text)

book = Workbook()
book.active.append(["harbour", fact("xlsx")])
book.save(at("xlsx"))

show = Presentation()
show.slides.add_slide(show.slide_layouts[5]).shapes.title.text = fact("pptx")
show.save(at("pptx"))

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
with zipfile.ZipFile(at("docx"), "w") as made:
    made.writestr("[Content_Types].xml", '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>')
    made.writestr("word/document.xml", f'<w:document xmlns:w="{WORD}"><w:body><w:p><w:r><w:t>{fact("docx")}</w:t></w:r></w:p></w:body></w:document>')

page = f"BT /F1 12 Tf 72 720 Td ({fact('pdf')}) Tj ET".encode()
parts = [
    b"<< /Type /Catalog /Pages 2 0 R >>",
    b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
    b"<< /Length %d >>\nstream\n%s\nendstream" % (len(page), page),
    b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
]
body, offsets = b"%PDF-1.4\n", []
for number, part in enumerate(parts, 1):
    offsets.append(len(body))
    body += b"%d 0 obj\n%s\nendobj\n" % (number, part)
table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
body += b"xref\n0 6\n0000000000 65535 f \n%strailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (table, len(body))
with open(at("pdf"), "wb") as file: file.write(body)
