/**
 * Control data as deb822(5) has it: stanzas of `Name: value` fields, folded over lines that start with a blank, parted by
 * empty lines. Stricter than dpkg where readers disagree with one another (carriage returns, lines of blanks alone,
 * repeated fields), because two programs that read one signed text differently is how a forged stanza gets in.
 */
import { AppError } from "../../../shared/errors.ts";

type Field = { readonly name: string; readonly value: string };

/** The fields in their order, under their lower-case names: field names have no case. */
export type Stanza = ReadonlyMap<string, Field>;

export type ControlOptions = {
  /** Lines that start with `#`: deb822(5) allows them in files that people write, never in an archive's indexes. */
  readonly comments?: "refuse" | "skip";
};

const FIELD_NAME = /^[!-9;-~]+$/;
const NEVER_IN_TEXT = /[\r\0]/;

/**
 * A folded value keeps its lines, parted by `\n`, without the blank that folds them. Throws AppError CONTROL_MALFORMED
 * (integrity) with the line's number.
 */
export function parseStanzas(text: string, options: ControlOptions = {}): readonly Stanza[] {
  if (NEVER_IN_TEXT.test(text)) throw malformed(1, "it has a carriage return or a NUL");
  const stanzas: Stanza[] = [];
  let stanza = new Map<string, Field>();
  const finishStanza = (): void => {
    if (stanza.size > 0) stanzas.push(stanza);
    stanza = new Map();
  };
  const finishField = (lines: FieldLines | undefined): void => {
    if (lines !== undefined) addField(stanza, lines);
  };

  let open: FieldLines | undefined;
  let number = 0;
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline;
    const line = text.slice(start, end);
    start = end + 1;
    number += 1;
    if (line === "") {
      finishField(open);
      finishStanza();
      open = undefined;
    } else if (line.startsWith("#") && options.comments === "skip") {
      continue;
    } else if (line.startsWith(" ") || line.startsWith("\t")) {
      if (open === undefined) throw malformed(number, "it continues no field");
      open.folded = `${open.folded}\n${foldedLine(line, number)}`;
    } else {
      finishField(open);
      open = openField(line, number);
    }
  }
  finishField(open);
  finishStanza();
  return stanzas;
}

/** The field's value whatever the case of its name; undefined where the stanza lacks it. */
export function fieldOf(stanza: Stanza, name: string): string | undefined {
  return stanza.get(name.toLowerCase())?.value;
}

type FieldLines = { readonly name: string; readonly number: number; folded: string };

function openField(line: string, number: number): FieldLines {
  const colon = line.indexOf(":");
  const name = line.slice(0, colon);
  if (colon < 1 || !FIELD_NAME.test(name) || name.startsWith("#") || name.startsWith("-")) {
    throw malformed(number, `"${line.slice(0, 40)}" has no field name`);
  }
  return { name, number, folded: line.slice(colon + 1).trim() };
}

function foldedLine(line: string, number: number): string {
  const content = line.trimEnd();
  if (content === "")
    throw malformed(number, "it is blanks alone, which some readers take for an empty line");
  return content.slice(1);
}

function addField(stanza: Map<string, Field>, lines: FieldLines): void {
  const key = lines.name.toLowerCase();
  if (stanza.has(key)) throw malformed(lines.number, `the field "${lines.name}" is there twice`);
  stanza.set(key, { name: lines.name, value: lines.folded });
}

function malformed(line: number, why: string): AppError {
  return new AppError(
    { class: "integrity", code: "CONTROL_MALFORMED" },
    `Cannot read control data at line ${line}: ${why}`,
    { fields: { line } },
  );
}
