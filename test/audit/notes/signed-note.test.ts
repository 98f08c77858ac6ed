import { describe, expect, test } from "vitest";
import { parseVerifier } from "../../../src/audit/notes/keys.ts";
import {
  isSignedBy,
  MAX_NOTE_BYTES,
  parseNote,
  signatureLine,
  signNote,
} from "../../../src/audit/notes/signed-note.ts";
import { logSigner, ORIGIN, witnessSigner } from "./sample-keys.ts";

const EXAMPLES = [
  {
    of: "the specification",
    vkey: "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    note: `This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
`,
  },
  {
    of: "Go's package note",
    vkey: "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    note: `If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`,
  },
];

describe("others' notes", () => {
  test.each(EXAMPLES)("the example of $of is signed by its key", ({ vkey, note }) => {
    expect(isSignedBy(parseNote(note), parseVerifier(vkey))).toBe(true);
  });

  test.each(EXAMPLES)("no character of the example of $of can be another one", ({ vkey, note }) => {
    const verifier = parseVerifier(vkey);
    for (let index = 0; index < note.length; index += 1) {
      const changed = `${note.slice(0, index)}${note[index] === "x" ? "y" : "x"}${note.slice(index + 1)}`;
      expect(isAccepted(changed, verifier), `${index}`).toBe(false);
    }
  });

  test("our note is the one that Go makes with the same key", () => {
    const root = "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=";
    expect(signNote(`${ORIGIN}\n8\n${root}\n`, logSigner())).toBe(`cloister-log/0badcafe
8
${root}

— cloister-log/0badcafe zcXV0bRkAVvM5/SNY3h/2RsEAzmvlvdyxg6o4TxCbL/2wEMS/vMC3vjIgKlokwfocXHFUK2Q1A+Fb+owpYErHCTLMgc=
`);
  });
});

describe("parseNote", () => {
  test("takes the last empty line for the end of the text", () => {
    const text = "one\n\n\n— not a signature\n\ntwo\n";
    const note = parseNote(signNote(text, logSigner()));
    expect(note.text).toBe(text);
    expect(isSignedBy(note, logSigner())).toBe(true);
  });

  test("takes text in any script, and a hundred signatures", () => {
    const line = signatureLine({ name: "someone/ソーニャ", id: 0xfedcba98 }, Buffer.from([7]));
    const { signatures } = parseNote(`Ognuno sta solo: \u007f è 🌄\n\n${line.repeat(100)}`);
    expect(signatures.length).toBe(100);
    expect(signatures[0]).toMatchObject({ name: "someone/ソーニャ", id: 0xfedcba98 });
  });

  const LINE = signatureLine(logSigner(), Buffer.alloc(64));

  test.each([
    ["nothing", ""],
    ["text alone", "text\n"],
    ["no signatures", "text\n\n"],
    ["no empty line", `text\n${LINE}`],
    ["no last newline", `text\n\n${LINE.slice(0, -1)}`],
    ["an empty line at the end", `text\n\n${LINE}\n`],
    ["a line that is no signature", `text\n\n${LINE}text\n`],
    ["a hyphen for the dash", `text\n\n${LINE.replace("—", "-")}`],
    ["no name", `text\n\n—  ${LINE.split(" ")[2]}`],
    ["a name with a plus", `text\n\n${LINE.replace("log", "l+g")}`],
    ["a name with a next-line character", `text\n\n${LINE.replace("log", "l\u0085g")}`],
    ["two blanks", `text\n\n${LINE.replaceAll(" ", "  ")}`],
    ["no base64", `text\n\n— name !!!!\n`],
    ["base64 that ends in other bits", `text\n\n— name AAAAAAF=\n`],
    ["an id without a signature", `text\n\n— name AAAAAA==\n`],
    ["an id that is cut off", `text\n\n— name AAAA\n`],
    ["carriage returns", `text\r\n\n${LINE}`],
    ["a tab in the text", `te\txt\n\n${LINE}`],
    ["a zero in a name", `text\n\n${LINE.replace("log", "l\u0000g")}`],
    ["a hundred and one signatures", `text\n\n${LINE.repeat(101)}`],
    ["too many bytes", `${"é".repeat(MAX_NOTE_BYTES / 2)}\n\n${LINE}`],
  ])("%s is NOTE_MALFORMED", (_, note) => {
    expect(() => parseNote(note)).toThrow(
      expect.objectContaining({ code: "NOTE_MALFORMED", class: "integrity" }),
    );
  });
});

describe("isSignedBy", () => {
  const text = "text\n";
  const signed = signNote(text, logSigner());

  test("passes over signatures of others, even under the same name or id", () => {
    const { id } = logSigner();
    const others = [
      signatureLine(logSigner("another seed"), Buffer.alloc(64)),
      signatureLine({ name: "another-name", id }, Buffer.alloc(64)),
    ];
    expect(isSignedBy(parseNote(`${signed}${others.join("")}`), logSigner())).toBe(true);
    expect(isSignedBy(parseNote(`${text}\n${others.join("")}`), logSigner())).toBe(false);
  });

  test("is false where one signature of the key is right and one is wrong, in either order", () => {
    const wrong = signatureLine(logSigner(), Buffer.alloc(64));
    const right = signed.slice(text.length + 1);
    expect(isSignedBy(parseNote(`${text}\n${right}${right}`), logSigner())).toBe(true);
    expect(isSignedBy(parseNote(`${text}\n${right}${wrong}`), logSigner())).toBe(false);
    expect(isSignedBy(parseNote(`${text}\n${wrong}${right}`), logSigner())).toBe(false);
  });

  test("is false for signatures of every other length", () => {
    const signature = logSigner().sign(Buffer.from(text));
    for (const length of [1, 63, 65, 128]) {
      const line = signatureLine(logSigner(), Buffer.concat([signature, signature]).subarray(0, length));
      expect(isSignedBy(parseNote(`${text}\n${line}`), logSigner())).toBe(false);
    }
  });

  test("a witness's key that signed the text itself has not signed the note", () => {
    const witness = witnessSigner();
    expect(isSignedBy(parseNote(signNote(text, witness)), witness)).toBe(false);
  });
});

function isAccepted(note: string, verifier: ReturnType<typeof parseVerifier>): boolean {
  try {
    return isSignedBy(parseNote(note), verifier);
  } catch (error) {
    expect(error).toMatchObject({ code: "NOTE_MALFORMED" });
    return false;
  }
}
