import { describe, expect, test } from "vitest";
import { formatCheckpoint, parseCheckpoint } from "../../../src/audit/notes/checkpoint.ts";
import { parseNote } from "../../../src/audit/notes/signed-note.ts";

const ROOT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";

test("the specification's example is read, and written again as it stands", () => {
  const { text, signatures } = parseNote(`example.com/behind-the-sofa
20852163
${ROOT}

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
`);
  const checkpoint = parseCheckpoint(text);
  expect(checkpoint).toEqual({
    origin: "example.com/behind-the-sofa",
    size: 20_852_163,
    root: Buffer.from(ROOT, "base64"),
  });
  expect(formatCheckpoint(checkpoint)).toBe(text);
  expect(signatures.map(({ name }) => name)).toEqual(["example.com/behind-the-sofa"]);
});

test("an origin may have blanks, a tree may be empty, and lines may follow", () => {
  expect(parseCheckpoint(`my log\n0\n${ROOT}\none\ntwo\n`)).toMatchObject({ origin: "my log", size: 0 });
});

describe("parseCheckpoint", () => {
  test.each([
    ["nothing", ""],
    ["two lines", "o\n1\n"],
    ["no last newline", `o\n1\n${ROOT}`],
    ["no last newline after an extension", `o\n1\n${ROOT}\nmore`],
    ["an empty origin", `\n1\n${ROOT}\n`],
    ["an empty line that follows", `o\n1\n${ROOT}\n\n`],
    ["an empty line between", `o\n1\n${ROOT}\n\nmore\n`],
    ["no size", `o\n\n${ROOT}\n`],
    ["a size with a zero before it", `o\n01\n${ROOT}\n`],
    ["a size below nothing", `o\n-1\n${ROOT}\n`],
    ["a size with a plus", `o\n+1\n${ROOT}\n`],
    ["a size in another notation", `o\n1e3\n${ROOT}\n`],
    ["a size with a blank", `o\n1 \n${ROOT}\n`],
    ["a size in digits of another script", `o\n١\n${ROOT}\n`],
    ["a size that we cannot count to", `o\n9007199254740992\n${ROOT}\n`],
    ["a size of twenty digits", `o\n18446744073709551615\n${ROOT}\n`],
    ["a root that is too short", `o\n1\n${ROOT.slice(4)}\n`],
    ["a root that is too long", `o\n1\nAAAA${ROOT}\n`],
    ["a root without its padding", `o\n1\n${ROOT.slice(0, -1)}\n`],
    ["a root that ends in other bits", `o\n1\n${ROOT.replace("2I=", "2J=")}\n`],
    ["a root in the alphabet for addresses", `o\n1\n${ROOT.replace("/", "_")}\n`],
  ])("%s is CHECKPOINT_MALFORMED", (_, text) => {
    expect(() => parseCheckpoint(text)).toThrow(
      expect.objectContaining({ code: "CHECKPOINT_MALFORMED", class: "integrity" }),
    );
  });
});
