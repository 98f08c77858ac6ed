import { expect, test } from "vitest";
import { parentOf, parseMemberPath, parseRelativePath, safeJoin } from "../../src/shared/relative-path.ts";

test.each(["", "/etc", "a/../b", "..", "a//b", "./a", "a/.", "a/", "a\0b", "a\nb"])(
  "parseRelativePath refuses %j",
  (text) => {
    expect(() => parseRelativePath(text)).toThrow(
      expect.objectContaining({ code: "PATH_UNSAFE", exitCode: 3 }),
    );
  },
);

test.each(["a", "a/b", "..a/b..", "a b/ü"])(
  "parseRelativePath takes %j, which safeJoin keeps below its root",
  (text) => {
    expect(safeJoin("/root", parseRelativePath(text))).toBe(`/root/${text}`);
  },
);

test.each([
  ["./usr/bin/", "usr/bin"],
  ["usr/bin", "usr/bin"],
  ["././a", "a"],
  ["./", undefined],
  [".", undefined],
])("parseMemberPath reads %j as %j", (text, expected) => {
  expect(parseMemberPath(text)).toBe(expected);
});

test.each(["/usr/bin", "./../etc", "usr/../../etc"])("parseMemberPath refuses %j", (text) => {
  expect(() => parseMemberPath(text)).toThrow(expect.objectContaining({ code: "PATH_UNSAFE" }));
});

test("parentOf gives the folder above, and undefined below the root", () => {
  expect(parentOf(parseRelativePath("a/b/c"))).toBe("a/b");
  expect(parentOf(parseRelativePath("a"))).toBeUndefined();
});
