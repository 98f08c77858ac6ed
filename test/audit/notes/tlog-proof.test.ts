import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatCheckpoint, parseCheckpoint } from "../../../src/audit/notes/checkpoint.ts";
import { isSignedBy, parseNote, signNote } from "../../../src/audit/notes/signed-note.ts";
import { formatTlogProof, parseTlogProof } from "../../../src/audit/notes/tlog-proof.ts";
import { leafHash, proveInclusion, verifyInclusion } from "../../../src/audit/tree/rfc6962.ts";
import { entries, frontierRoot, readerOver } from "../tree/small-tree.ts";
import { logSigner, ORIGIN } from "./sample-keys.ts";

/** The specification's example, its signatures written out: it shortens them. */
const CHECKPOINT = `example.com/fancylog
109482
sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=

— example.com/fancylog hI2DJwAA
`;
const HASH = "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=";
const EXAMPLE = `c2sp.org/tlog-proof@v1
extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6kYXJ3aW4tYXJ
index 73894
${HASH}
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=
RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=
AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=

${CHECKPOINT}`;

test("the specification's example is read, and written again as it stands", () => {
  const proof = parseTlogProof(EXAMPLE);
  expect(proof).toMatchObject({ index: 73_894, checkpoint: CHECKPOINT });
  expect(proof.hashes.length).toBe(5);
  expect(Buffer.from(proof.extra ?? []).toString("latin1")).toMatch(/^age-v1\.2\.1-darwin-arm64\.tar\.gz/);
  expect(parseCheckpoint(parseNote(proof.checkpoint).text).size).toBe(109_482);
  expect(formatTlogProof(proof)).toBe(EXAMPLE);
});

test("what is written down for a leaf proves that leaf, and no other", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.nat(), fc.uint8Array(), async (size, nth, extra) => {
      const leaves = entries(size);
      const index = nth % size;
      const hashes = await proveInclusion(index, size, readerOver(leaves));
      const text = formatCheckpoint({ origin: ORIGIN, size, root: frontierRoot(leaves) });
      const checkpoint = signNote(text, logSigner());
      const read = parseTlogProof(formatTlogProof({ index, hashes, checkpoint, extra }));
      expect(read.extra ?? new Uint8Array()).toEqual(extra.length === 0 ? extra : Buffer.from(extra));
      const note = parseNote(read.checkpoint);
      expect(isSignedBy(note, logSigner())).toBe(true);
      for (const [at, leaf] of leaves.entries()) {
        const isProved = verifyInclusion(
          { hash: leafHash(leaf), index: read.index },
          parseCheckpoint(note.text),
          read.hashes,
        );
        expect(isProved).toBe(at === index);
      }
    }),
    { numRuns: 50 },
  );
});

describe("parseTlogProof", () => {
  const HEAD = "c2sp.org/tlog-proof@v1\n";

  test("takes as many hashes as a tree may have levels", () => {
    const text = `${HEAD}index 0\n${`${HASH}\n`.repeat(63)}\n${CHECKPOINT}`;
    expect(parseTlogProof(text).hashes.length).toBe(63);
  });

  test.each([
    ["nothing", ""],
    ["the first line alone", HEAD],
    ["no checkpoint", `${HEAD}index 0\n`],
    ["another version", EXAMPLE.replace("@v1", "@v2")],
    ["another first line", `\n${EXAMPLE}`],
    ["no index", `${HEAD}${HASH}\n\n${CHECKPOINT}`],
    ["no lines but the first", `${HEAD}\n${CHECKPOINT}`],
    ["an index with a zero before it", EXAMPLE.replace("index 7", "index 07")],
    ["an index below nothing", EXAMPLE.replace("index 7", "index -7")],
    ["an index that we cannot count to", EXAMPLE.replace("index 73894", "index 9007199254740992")],
    ["an index before the extra data", `${HEAD}index 0\nextra AAAA\n\n${CHECKPOINT}`],
    ["extra data twice", EXAMPLE.replace("extra", "extra AAAA\nextra")],
    ["extra data that is empty", `${HEAD}extra \nindex 0\n\n${CHECKPOINT}`],
    ["extra data that is no base64", `${HEAD}extra !\nindex 0\n\n${CHECKPOINT}`],
    ["a hash that is too short", EXAMPLE.replace(HASH, HASH.slice(4))],
    ["a hash that ends in other bits", EXAMPLE.replace(HASH, HASH.replace("lQ=", "lR="))],
    ["carriage returns", EXAMPLE.replaceAll("\n", "\r\n")],
    ["sixty-four hashes", `${HEAD}index 0\n${`${HASH}\n`.repeat(64)}\n${CHECKPOINT}`],
  ])("%s is TLOG_PROOF_MALFORMED", (_, text) => {
    expect(() => parseTlogProof(text)).toThrow(
      expect.objectContaining({ code: "TLOG_PROOF_MALFORMED", class: "integrity" }),
    );
  });
});
