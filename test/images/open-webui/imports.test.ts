import { expect, test } from "vitest";
import { reportImports } from "./imports.ts";

test("a package is imported, kept with a reason, or never needed; a wrong reason and a stray file are told", () => {
  const owners = new Map([
    ["/opt/x/used.py", "used"],
    ["/opt/x/used2.py", "used"],
    ["/opt/x/lazy.py", "lazy"],
    ["/opt/x/idle.py", "idle"],
    ["/opt/x/other.py", "other"],
  ]);
  const files = ["/opt/x/used.py", "/opt/x/other.py", "/opt/x/stray.py", "/usr/lib/python3.11/os.py"];
  expect(reportImports(files, { top: "/opt/x", owners, kept: ["lazy", "other", "gone"] })).toEqual({
    imported: ["other", "used"],
    neverNeeded: ["idle"],
    wronglyKept: ["other", "gone"],
    foreign: ["/opt/x/stray.py"],
  });
});
