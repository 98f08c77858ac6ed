import { describe, expect, test } from "vitest";
import { objectId } from "../../../../src/builder/fetch/source/git-object.ts";
import { treeId, type TreeEntry } from "../../../../src/builder/fetch/source/git-tree.ts";
import { parseRelativePath } from "../../../../src/shared/relative-path.ts";
import { FILES, TREE } from "./fixture.ts";

function entry(path: string, text: string, mode: TreeEntry["mode"] = "100644"): TreeEntry {
  return { path: parseRelativePath(path), mode, id: objectId("blob", Buffer.from(text)) };
}

const ENTRIES = FILES.map(({ path, kind, mode, text, target }) =>
  kind === "symlink"
    ? entry(path, target ?? "", "120000")
    : entry(path, text ?? "", mode === 0o755 ? "100755" : "100644"),
);

describe("treeId", () => {
  test("gives git's own id, whatever the order of the files", () => {
    expect(treeId(ENTRIES)).toBe(TREE);
    expect(treeId(ENTRIES.toReversed())).toBe(TREE);
  });

  test("sees a changed byte, name, mode, an extra and a missing file", () => {
    const [first, ...rest] = ENTRIES;
    if (first === undefined) throw new Error("no files");
    const others = [
      [entry("a-b/y", "Y"), ...rest],
      [entry("a-b/Y", "y"), ...rest],
      [entry("a-b/y", "y", "100755"), ...rest],
      [...ENTRIES, entry("extra", "")],
      rest,
    ];
    expect(new Set([TREE, ...others.map(treeId)]).size).toBe(6);
  });

  test.each([
    ["a path twice", ["a", "a"]],
    ["a file where a folder is", ["a/b", "a"]],
    ["a folder where a file is", ["a", "a/b"]],
    ["a path below a file, deep", ["a/b", "a/b/c/d"]],
  ])("refuses %s", (_, paths) => {
    expect(() => treeId(paths.map((path) => entry(path, "")))).toThrow(
      expect.objectContaining({ code: "SOURCE_PATH_TWICE", class: "integrity" }),
    );
  });

  test("takes names that are no property names of its own", () => {
    expect(treeId([entry("__proto__/constructor", "")])).toMatch(/^[0-9a-f]{40}$/);
  });
});
