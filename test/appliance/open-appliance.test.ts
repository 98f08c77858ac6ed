import { mkdir, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openAppliance, readText } from "../../src/appliance/open-appliance.ts";
import { temporaryFolder } from "../builder/temporary.ts";
import { asFolder, asTar, tarWith, type Files } from "./carried.ts";

const FILES: Files = new Map([
  ["bin/tool", Buffer.from("#!/bin/sh\n")],
  ["empty", Buffer.alloc(0)],
  ["zz/deep/file", Buffer.from("x".repeat(3_000_000))],
]);

describe("openAppliance", () => {
  test.each([
    ["tar", asTar],
    ["folder", asFolder],
  ] as const)("shows the same files of a %s, sorted, and reads each", async (kind, carry) => {
    const appliance = await openAppliance(await carry(FILES));
    expect(appliance.kind).toBe(kind);
    expect(appliance.entries.map(({ path, sizeBytes }) => [path, sizeBytes])).toEqual([
      ["bin/tool", 10],
      ["empty", 0],
      ["zz/deep/file", 3_000_000],
    ]);
    expect(await readText(appliance, "zz/deep/file")).toBe("x".repeat(3_000_000));
    expect(await readText(appliance, "empty")).toBe("");
    expect(appliance.file("nothing")).toBeUndefined();
    expect(() => appliance.read("nothing")).toThrow(expect.objectContaining({ code: "APPLIANCE_MEMBER" }));
  });

  const bytes = Buffer.from("x");
  test.each([
    ["a path that climbs", [{ path: "../up", kind: "file", bytes }], "PATH_UNSAFE"],
    ["an absolute path", [{ path: "/etc/passwd", kind: "file", bytes }], "PATH_UNSAFE"],
    ["a symbolic link", [{ path: "bin", kind: "symlink", linkTarget: "/bin" }], "APPLIANCE_MEMBER"],
    [
      "a hard link",
      [
        { path: "a", kind: "file", bytes },
        { path: "b", kind: "hardlink", linkTarget: "a" },
      ],
      "APPLIANCE_MEMBER",
    ],
    [
      "a path twice",
      [
        { path: "a", kind: "file", bytes },
        { path: "./a", kind: "file", bytes },
      ],
      "APPLIANCE_MEMBER",
    ],
    [
      "a file below a file",
      [
        { path: "a", kind: "file", bytes },
        { path: "a/b", kind: "file", bytes },
      ],
      "APPLIANCE_MEMBER",
    ],
    [
      "a file above a file",
      [
        { path: "a/b/c", kind: "file", bytes },
        { path: "a", kind: "file", bytes },
      ],
      "APPLIANCE_MEMBER",
    ],
  ] as const)("refuses a tar with %s", async (_, members, code) => {
    await expect(openAppliance(await tarWith(members))).rejects.toMatchObject({ code, class: "integrity" });
  });

  test("refuses a tar with a device, which our writer cannot make", async () => {
    const path = await tarWith([{ path: "null", kind: "file" }]);
    const { readFile } = await import("node:fs/promises");
    const tar = await readFile(path);
    tar.write("3", 156);
    const sum = tar
      .subarray(0, 512)
      .reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
    tar.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    await writeFile(path, tar);
    await expect(openAppliance(path)).rejects.toMatchObject({ code: "APPLIANCE_MEMBER" });
  });

  test("refuses a tar that is cut short, wherever", async () => {
    for (const sizeBytes of [0, 100, 700, 3_000_000]) {
      const path = await asTar(FILES);
      await truncate(path, sizeBytes);
      await expect(openAppliance(path)).rejects.toMatchObject({ code: "TAR_MALFORMED", class: "integrity" });
    }
  });

  test("refuses a folder with a link in it", async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, "bin"));
    await symlink("/bin/sh", join(folder, "bin/sh"));
    await expect(openAppliance(folder)).rejects.toMatchObject({ code: "APPLIANCE_MEMBER" });
  });

  test("says that there is nothing where nothing is", async () => {
    await expect(openAppliance("/nowhere/at.tar")).rejects.toMatchObject({
      code: "APPLIANCE_ABSENT",
      exitCode: 2,
    });
  });
});
