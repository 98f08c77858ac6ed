import { describe, expect, test } from "vitest";
import { formatAddCheckpoint, parseAddCheckpoint } from "../../../src/audit/notes/add-checkpoint.ts";

const NOTE = `example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
`;
const HASH = "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=";
const EXAMPLE = `old 20852014
${HASH}
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

${NOTE}`;

test("the specification's example is read, and written again as it stands", () => {
  const request = parseAddCheckpoint(EXAMPLE);
  expect(request).toMatchObject({ old: 20_852_014, note: NOTE });
  expect(request.proof.length).toBe(4);
  expect(formatAddCheckpoint(request)).toBe(EXAMPLE);
});

test("a request from nothing has no proof", () => {
  const body = formatAddCheckpoint({ old: 0, proof: [], note: NOTE });
  expect(body).toBe(`old 0\n\n${NOTE}`);
  expect(parseAddCheckpoint(body)).toEqual({ old: 0, proof: [], note: NOTE });
});

test("a proof may have as many lines as the specification allows", () => {
  const body = `old 1\n${`${HASH}\n`.repeat(63)}\n${NOTE}`;
  expect(parseAddCheckpoint(body).proof.length).toBe(63);
});

describe("parseAddCheckpoint", () => {
  test.each([
    ["nothing", ""],
    ["no empty line", "old 1\n"],
    ["an empty line first", `\n\n${NOTE}`],
    ["the note alone", NOTE],
    ["no size", `old \n\n${NOTE}`],
    ["a size with a zero before it", `old 01\n\n${NOTE}`],
    ["a size below nothing", `old -1\n\n${NOTE}`],
    ["a size of seventeen digits", `old 10000000000000000\n\n${NOTE}`],
    ["another word", `size 1\n\n${NOTE}`],
    ["two blanks", `old  1\n\n${NOTE}`],
    ["carriage returns", `old 1\r\n\n${NOTE}`],
    ["a line that is no base64", `old 1\n????\n\n${NOTE}`],
    ["a hash that is too short", `old 1\n${HASH.slice(4)}\n\n${NOTE}`],
    ["two hashes in a line", `old 1\n${HASH}${HASH}\n\n${NOTE}`],
    ["a blank after a hash", `old 1\n${HASH} \n\n${NOTE}`],
    ["sixty-four hashes", `old 1\n${`${HASH}\n`.repeat(64)}\n${NOTE}`],
  ])("%s is ADD_CHECKPOINT_MALFORMED", (_, body) => {
    expect(() => parseAddCheckpoint(body)).toThrow(
      expect.objectContaining({ code: "ADD_CHECKPOINT_MALFORMED", class: "usage" }),
    );
  });
});
