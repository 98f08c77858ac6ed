import { describe, expect, test } from "vitest";
import { cosign, cosignedAt } from "../../../src/audit/notes/cosignature.ts";
import { parseNote, signatureLine, signNote } from "../../../src/audit/notes/signed-note.ts";
import { logSigner, ORIGIN, witnessSigner } from "./sample-keys.ts";

const TEXT = `${ORIGIN}\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n`;
const SECONDS = 1_679_315_147;

function cosignedNote(...lines: readonly string[]) {
  return parseNote(`${signNote(TEXT, logSigner())}${lines.join("")}`);
}

/** A line whose time says something else than what was signed, unless both are the same. */
function lineSaying(said: bigint, signed: bigint): string {
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(said);
  const witness = witnessSigner();
  const signature = witness.sign(Buffer.from(`cosignature/v1\ntime ${signed}\n${TEXT}`));
  return signatureLine(witness, Buffer.concat([time, signature]));
}

test("a cosignature is the one that another implementation makes with the same key", () => {
  expect(cosign(TEXT, witnessSigner(), SECONDS)).toBe(
    "— cloister-witness OP1akgAAAABkGFDL/+cXQWeBsuVr3I/69ORcYFGcA7O7j/kVi67cG9YqvwMxJSjFjCOblijCQFUBN6s+FZa5/NKlW4A0QR9WCv9fCw==\n",
  );
});

describe("cosignedAt", () => {
  const line = cosign(TEXT, witnessSigner(), SECONDS);

  test("says when", () => {
    expect(cosignedAt(cosignedNote(line), witnessSigner())).toBe(SECONDS);
    expect(cosignedAt(cosignedNote(lineSaying(2n ** 62n, 2n ** 62n)), witnessSigner())).toBe(2 ** 62);
  });

  test.each([
    ["is not there", []],
    ["is of another text", [cosign(TEXT.replace("8", "9"), witnessSigner(), SECONDS)]],
    ["is of another witness", [cosign(TEXT, witnessSigner("another"), SECONDS)]],
    ["says another time than it signed", [lineSaying(BigInt(SECONDS) + 1n, BigInt(SECONDS))]],
    ["says a time that the specification forbids", [lineSaying(2n ** 63n, 2n ** 63n)]],
    ["has no signature", [signatureLine(witnessSigner(), Buffer.alloc(8))]],
    ["is too short to say a time", [signatureLine(witnessSigner(), Buffer.alloc(3))]],
    ["signs the text alone", [signatureLine(witnessSigner(), witnessSigner().sign(Buffer.from(TEXT)))]],
    ["stands beside a wrong one", [line, lineSaying(1n, 2n)]],
  ])("is undefined where the cosignature %s", (_, lines) => {
    expect(cosignedAt(cosignedNote(...lines), witnessSigner())).toBeUndefined();
  });

  test("a log's own signature is no cosignature", () => {
    expect(cosignedAt(cosignedNote(line), logSigner())).toBeUndefined();
  });
});
