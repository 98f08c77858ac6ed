import { createHash, randomBytes } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ContentKey } from "../../../src/audit/audit-log.ts";
import { matchesCommitment, openSealed, parsePayloadLine, PLAIN_KEY } from "../../../src/audit/payload.ts";
import { encodePayload } from "../../../src/audit/write/encode-payload.ts";

const SEALED_KEY: ContentKey = { id: "2026-11-25.0123456789ab", secret: randomBytes(32) };
const SLICE_BYTES = 65_536;
const SEQ = 7;

/** Across slices, and not compressible, so that base64 meets every remainder of three. */
const LENGTHS = [0, 1, 255, 256, 257, SLICE_BYTES - 1, SLICE_BYTES, SLICE_BYTES + 1, 2 * SLICE_BYTES + 2];

describe.each([
  ["plain", PLAIN_KEY],
  ["sealed", SEALED_KEY],
])("%s content", (_, key) => {
  test.each(LENGTHS)("of %d bytes is what was given", (length) => {
    const bytes = randomBytes(length);
    expect(readBack(bytes, key)).toEqual(bytes);
  });

  test.each(LENGTHS)("of %d letters is what was given", (length) => {
    const bytes = Buffer.alloc(length, "abc");
    expect(readBack(bytes, key)).toEqual(bytes);
  });

  test("in pieces, cut anywhere, is what it is in one", () => {
    const samples = fc.oneof(fc.uint8Array({ maxLength: 400 }), fc.string({ unit: "binary" }).map(utf8));
    fc.assert(
      fc.property(samples, fc.array(fc.nat(400)), (bytes, borders) => {
        const pieces = cut(bytes, borders);
        expect(readBack(pieces, key)).toEqual(Buffer.from(bytes));
      }),
    );
  });
});

test.each([
  ["characters of four bytes on the border of a slice", `${"x".repeat(SLICE_BYTES - 2)}😀é`],
  ["a mark of the byte order", "\uFEFFtext\uFEFF"],
  ["quotes and control characters", 'a "quoted" \\ \u0000\u001f\u007f\u2028 line\n'],
])("plain text stands in the line as JSON has it: %s", (_, text) => {
  const { line } = encodePayload(SEQ, { bytes: Buffer.from(text), key: PLAIN_KEY });
  const written = Buffer.concat(line).toString();
  expect(written.endsWith(`"text":${JSON.stringify(text)}}`)).toBe(true);
});

test.each([
  ["a byte that begins no character", [Buffer.from([0x61, 0xff])]],
  ["a character that is cut off at the end", [Buffer.from([0x61, 0xf0, 0x9f]), Buffer.from([0x98])]],
  ["half a surrogate pair", [Buffer.from([0xed, 0xa0, 0x80])]],
])("what is not UTF-8 stands in the line as base64: %s", (_, pieces) => {
  const { line } = encodePayload(SEQ, { bytes: pieces, key: PLAIN_KEY });
  expect(Buffer.concat(line).toString()).toContain(`"base64":"${Buffer.concat(pieces).toString("base64")}"}`);
});

test("sealed content that compresses is much shorter than it was", () => {
  const { line } = encodePayload(SEQ, { bytes: Buffer.alloc(100_000, "abc"), key: SEALED_KEY });
  expect(Buffer.concat(line).length).toBeLessThan(1_000);
});

test("the length of sealed content does not tell that of the text", () => {
  const sizes = [1_000, 1_001, 1_040].map((length) => {
    const { line } = encodePayload(SEQ, { bytes: randomBytes(length), key: SEALED_KEY });
    return Buffer.concat(line).length;
  });
  expect(new Set(sizes).size).toBe(1);
});

/** Through the line's parser, once what the ledger says of the line was held against it. */
function readBack(bytes: Uint8Array | readonly Uint8Array[], key: ContentKey): Buffer {
  const { line, ref } = encodePayload(SEQ, { bytes, key });
  const whole = Buffer.concat(line);
  expect(ref.sha256).toBe(createHash("sha256").update(whole).digest("hex"));
  const parsed = parsePayloadLine(whole);
  if (parsed.kind === "tombstone") throw new Error("It was no tombstone");
  expect(parsed.seq).toBe(SEQ);
  const content = parsed.kind === "plain" ? parsed : openSealed(parsed, key.secret ?? Buffer.alloc(32));
  expect(matchesCommitment(content, ref)).toBe(true);
  expect(ref.bytes).toBe(content.bytes.length);
  return Buffer.from(content.bytes);
}

function cut(bytes: Uint8Array, borders: readonly number[]): readonly Uint8Array[] {
  const places = [0, ...borders.toSorted((a, b) => a - b), bytes.length];
  return places.slice(1).map((to, index) => bytes.subarray(places[index], to));
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
