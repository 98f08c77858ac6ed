import { describe, expect, test } from "vitest";
import { objectId, parseCommit } from "../../../../src/builder/fetch/source/git-object.ts";
import { COMMIT, COMMITTED_AT, COMMIT_TEXT, TREE } from "./fixture.ts";

describe("objectId", () => {
  test("gives git's own ids", () => {
    expect(objectId("blob", Buffer.from("hello\n"))).toBe("ce013625030ba8dba906f756967f9e9ca394464a");
    expect(objectId("blob", Buffer.alloc(0))).toBe("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    expect(objectId("tree", Buffer.alloc(0))).toBe("4b825dc642cb6eb9a060e54bf8d69288fbee4904");
    expect(objectId("commit", Buffer.from(COMMIT_TEXT))).toBe(COMMIT);
  });
});

describe("parseCommit", () => {
  test("takes tree and date from a commit that hashes to its id", () => {
    expect(parseCommit(Buffer.from(COMMIT_TEXT), COMMIT)).toEqual({ tree: TREE, committedAt: COMMITTED_AT });
  });

  test("refuses a commit with another id", () => {
    const forged = Buffer.from(COMMIT_TEXT.replace("first", "First"));
    expect(() => parseCommit(forged, COMMIT)).toThrow(
      expect.objectContaining({ code: "SOURCE_COMMIT_DIFFERS", class: "integrity" }),
    );
  });

  test.each([
    ["no tree", "author n <a@b.c> 1 +0000\ncommitter n <a@b.c> 1 +0000\n\nfirst\n"],
    ["a tree in the message alone", `committer n <a@b.c> 1 +0000\n\ntree ${TREE}\n`],
    ["no committer", `tree ${TREE}\n\nfirst\n`],
    ["no end of the header", `tree ${TREE}\ncommitter n <a@b.c> 1 +0000`],
    ["nothing", ""],
  ])("refuses a commit with its own id and %s", (_, text) => {
    const content = Buffer.from(text);
    expect(() => parseCommit(content, objectId("commit", content))).toThrow(
      expect.objectContaining({ code: "GIT_MALFORMED" }),
    );
  });
});
