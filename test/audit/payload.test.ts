import { randomBytes } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ContentKey } from "../../src/audit/audit-log.ts";
import { isLedgerLine } from "../../src/audit/line.ts";
import {
  encodeTombstone,
  isTombstoneLine,
  matchesCommitment,
  openSealed,
  parsePayloadLine,
  parseTombstone,
  PLAIN_KEY,
  sha256,
  type PayloadLine,
} from "../../src/audit/payload.ts";
import { encodePayload } from "../../src/audit/write/encode-payload.ts";

const SEALED_KEY = { id: "2026-11-25.0123456789ab", secret: randomBytes(32) };
const MEBIBYTE = 1 << 20;

/** Any code units: halves of surrogate pairs, NUL, line separators. */
const strings = fc
  .array(
    fc.oneof(
      fc.nat(0xffff),
      fc.constantFrom(0, 0x0a, 0x0d, 0x22, 0x5c, 0x2028, 0x2029, 0xd800, 0xdfff, 0xfeff),
    ),
  )
  .map((units) => String.fromCharCode(...units));

const contents = fc.oneof(fc.uint8Array({ maxLength: 600 }), strings.map(jsonOf));

const MODES: readonly (readonly [string, ContentKey])[] = [
  ["plain", PLAIN_KEY],
  ["sealed", SEALED_KEY],
];

describe.each(MODES)("a %s payload line", (_, key) => {
  test("gives back any string that was sent as JSON, and is one line that is taken for no other", () => {
    fc.assert(
      fc.property(strings, fc.nat(), (string, seq) => {
        const line = lineOf(seq, jsonOf(string), key);
        expect(line.includes(0x0a)).toBe(false);
        expect(isLedgerLine(line) || isTombstoneLine(line)).toBe(false);
        expect(JSON.parse(contentOf(line).bytes.toString("utf8"))).toBe(string);
      }),
    );
  });

  test.each([
    ["letters", "a"],
    ["NUL", "\u0000"],
    ["halves of surrogate pairs", "\ud800"],
    ["line separators", "\u2028"],
    ["characters of four bytes", "😀"],
    ["what a ledger line begins with", '{"v":1,"seq":'],
  ])("gives back a mebibyte of %s", (_name, piece) => {
    const string = `\n${piece.repeat(MEBIBYTE / piece.length)}`;
    const line = lineOf(1, jsonOf(string), key);
    expect(line.includes(0x0a)).toBe(false);
    expect(JSON.parse(contentOf(line).bytes.toString("utf8")) === string).toBe(true);
  });

  test("is committed to: no other text and no other salt fits, and neither does the line's hash", () => {
    fc.assert(
      fc.property(contents, contents, (bytes, other) => {
        fc.pre(!Buffer.from(bytes).equals(other));
        const { line, ref } = encodePayload(3, { bytes, key });
        const content = contentOf(Buffer.concat(line));
        expect(matchesCommitment(content, ref)).toBe(true);
        expect(matchesCommitment({ ...content, bytes: other }, ref)).toBe(false);
        expect(matchesCommitment({ ...content, salt: randomBytes(32) }, ref)).toBe(false);
        const next = encodePayload(3, { bytes: other, key }).ref;
        expect(next.commit).not.toBe(ref.commit);
        expect(next.sha256).not.toBe(ref.sha256);
      }),
    );
  });

  test("hides what it commits to: the same text never has the same commitment", () => {
    const refs = Array.from({ length: 50 }, () => encodePayload(3, { bytes: Buffer.from("yes"), key }).ref);
    expect(new Set(refs.map(({ commit }) => commit)).size).toBe(50);
  });
});

test("a salt of another length fits nothing, though HMAC pads a short key with zeros", () => {
  const bytes = Buffer.from("text");
  for (let tries = 0; tries < 100; tries += 1) {
    const { line, ref } = encodePayload(0, { bytes, key: PLAIN_KEY });
    const { salt } = contentOf(Buffer.concat(line));
    expect(matchesCommitment({ salt: Buffer.concat([salt, Buffer.alloc(1)]), bytes }, ref)).toBe(false);
    expect(matchesCommitment({ salt: salt.subarray(0, -1), bytes }, ref)).toBe(false);
  }
});

describe("a sealed payload that was altered", () => {
  const unreadable = expect.objectContaining({ code: "PAYLOAD_UNREADABLE" });

  test("in any bit of its data or its nonce never opens", () => {
    fc.assert(
      fc.property(contents, fc.nat(), fc.constantFrom("data", "nonce"), (bytes, place, part) => {
        const change = (line: Sealed): Sealed => ({ ...line, [part]: flipped(line[part], place) });
        expect(altered(1, bytes, change)).toThrow(unreadable);
      }),
    );
  });

  test("cut at any length, or made longer, never opens", () => {
    fc.assert(
      fc.property(contents, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 40 }), (bytes, at, more) => {
        const cut = (line: Sealed): Sealed => ({
          ...line,
          data: line.data.subarray(0, at % line.data.length),
        });
        const longer = (line: Sealed): Sealed => ({ ...line, data: Buffer.concat([line.data, more]) });
        expect(altered(1, bytes, cut)).toThrow(unreadable);
        expect(altered(1, bytes, longer)).toThrow(unreadable);
      }),
    );
  });

  test("put in the place of another record's, or opened with another key, never opens", () => {
    fc.assert(
      fc.property(contents, fc.nat(), fc.nat(), (bytes, seq, other) => {
        fc.pre(seq !== other);
        expect(altered(seq, bytes, (line) => ({ ...line, seq: other }))).toThrow(unreadable);
      }),
    );
    const line = parsePayloadLine(lineOf(1, Buffer.from("text"), SEALED_KEY));
    if (line.kind !== "sealed") throw new Error(line.kind);
    for (const secret of [randomBytes(32), randomBytes(16), Buffer.alloc(0), flipped(SEALED_KEY.secret, 255)])
      expect(() => openSealed(line, secret)).toThrow(unreadable);
  });

  test("in any byte of its line is refused, or is known by the line's hash", () => {
    const { line, ref } = encodePayload(12, { bytes: Buffer.from("my secret prompt"), key: SEALED_KEY });
    const whole = Buffer.concat(line);
    let opened = 0;
    for (let bit = 0; bit < whole.length * 8; bit += 3) {
      const changed = flipped(whole, bit);
      expect(sha256(changed)).not.toBe(ref.sha256);
      const text = textOrError(changed);
      // Another key's name, or base64 that a forgiving decoder reads alike: never another text.
      expect(["my secret prompt", undefined]).toContain(text);
      if (text !== undefined) opened += 1;
    }
    expect(opened).toBeLessThan(whole.length);
  });
});

test("a tombstone says which record ordered it, and no line of a payload is taken for one", () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), (seq, by) => {
      const line = encodeTombstone(seq, by);
      expect(isTombstoneLine(line)).toBe(true);
      expect(parseTombstone(line)).toEqual({ kind: "tombstone", seq, by });
    }),
  );
  const imposter = lineOf(1, Buffer.from('{"tombstone":1,"by":2}'), PLAIN_KEY);
  expect(isTombstoneLine(imposter)).toBe(false);
  expect(parseTombstone(imposter)).toBeUndefined();
});

test("what is no payload line is refused with PAYLOAD_MALFORMED, whatever it is", () => {
  const malformed = expect.objectContaining({ code: "PAYLOAD_MALFORMED" });
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((json) => Buffer.from(json)),
      ),
      (bytes) => {
        expect(() => parsePayloadLine(bytes)).toThrow(malformed);
      },
    ),
  );
  for (const line of [
    '{"payload":1.5,"codec":"plain","salt":"","text":""}',
    '{"payload":1,"codec":"plain","salt":1,"text":""}',
    '{"payload":1,"codec":"plain","salt":""}',
    '{"payload":1,"codec":"aes-256-gcm","key":"k","nonce":""}',
    '{"payload":1,"codec":"rot13","text":"grkg"}',
    '{"tombstone":1}',
    "null",
    "[]",
    "",
  ])
    expect(() => parsePayloadLine(Buffer.from(line)), line).toThrow(malformed);
});

type Sealed = Extract<PayloadLine, { kind: "sealed" }>;

/** Lone halves of surrogate pairs are escaped in it, so that nothing is lost in UTF-8. */
function jsonOf(string: string): Buffer {
  return Buffer.from(JSON.stringify(string));
}

function lineOf(seq: number, bytes: Uint8Array, key: ContentKey): Buffer {
  return Buffer.concat(encodePayload(seq, { bytes, key }).line);
}

function contentOf(line: Buffer): { readonly salt: Uint8Array; readonly bytes: Buffer } {
  const parsed = parsePayloadLine(line);
  if (parsed.kind === "tombstone") throw new Error("It was no tombstone");
  const { salt, bytes } = parsed.kind === "plain" ? parsed : openSealed(parsed, SEALED_KEY.secret);
  return { salt, bytes: Buffer.from(bytes) };
}

/** Opens the sealed payload of a record once it was changed. */
function altered(seq: number, bytes: Uint8Array, change: (line: Sealed) => Sealed): () => unknown {
  const line = parsePayloadLine(lineOf(seq, bytes, SEALED_KEY));
  if (line.kind !== "sealed") throw new Error(line.kind);
  return () => openSealed(change(line), SEALED_KEY.secret);
}

function textOrError(line: Buffer): string | undefined {
  try {
    return contentOf(line).bytes.toString("utf8");
  } catch (error) {
    expect(error).toMatchObject({ code: expect.stringMatching(/^PAYLOAD_(?:MALFORMED|UNREADABLE)$/) });
    return undefined;
  }
}

/** One bit of it. */
function flipped(bytes: Uint8Array, bit: number): Buffer {
  const changed = Buffer.from(bytes);
  const at = Math.floor(bit / 8) % changed.length;
  changed[at] = (changed[at] ?? 0) ^ (1 << (bit % 8));
  return changed;
}
