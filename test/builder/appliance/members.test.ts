import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderMembers } from "../../../src/builder/appliance/folder-members.ts";
import { readModels } from "../../../src/builder/appliance/read-model.ts";
import { digestOf } from "../../../src/shared/digest.ts";
import { echoModel } from "../../../src/shared/gguf/echo-model.ts";
import { writeGguf } from "../../../src/shared/gguf/write.ts";
import { temporaryFolder } from "../temporary.ts";

describe("folderMembers", () => {
  test("takes regular files alone, with one mode, and nothing hidden", async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, "deep/.git"), { recursive: true });
    await writeFile(join(folder, "b.yaml"), "b", { mode: 0o600 });
    await writeFile(join(folder, "deep/a.yaml"), "a", { mode: 0o755 });
    await writeFile(join(folder, "deep/a.log"), "log");
    await writeFile(join(folder, ".swap"), "");
    await writeFile(join(folder, "deep/.git/config"), "");
    await symlink("/etc/hostname", join(folder, "link.yaml"));
    const members = await folderMembers(folder, "compose", (name) => name.endsWith(".yaml"));
    expect(members.map(({ path, mode, digest }) => ({ path, mode, digest }))).toEqual([
      { path: "compose/b.yaml", mode: 0o644, digest: digestOf("b") },
      { path: "compose/deep/a.yaml", mode: 0o644, digest: digestOf("a") },
    ]);
  });
});

describe("readModels", () => {
  const bytes = Buffer.concat([...writeGguf(echoModel())]);

  test("names a model by its bytes and header, not by what the file is called", async () => {
    const paths = [join(await temporaryFolder(), "one.gguf"), join(await temporaryFolder(), "two.gguf")];
    for (const path of paths) await writeFile(path, bytes);
    const [one] = await readModels([paths[0] ?? ""]);
    const [two] = await readModels([paths[1] ?? ""]);
    expect(one).toMatchObject({ digest: digestOf(bytes), sizeBytes: bytes.length, architecture: "llama" });
    expect(two?.card).toEqual(one?.card);
  });

  test("takes one model that is named twice once", async () => {
    const paths = [join(await temporaryFolder(), "one.gguf"), join(await temporaryFolder(), "two.gguf")];
    for (const path of paths) await writeFile(path, bytes);
    expect(await readModels(paths)).toHaveLength(1);
  });

  test("says that a model is missing", async () => {
    await expect(readModels(["/nonexistent/model.gguf"])).rejects.toMatchObject({ code: "MODEL_MISSING" });
  });

  test.each([
    ["cut short", bytes.subarray(0, bytes.length - 1)],
    ["no GGUF", Buffer.from("#!/bin/sh\necho hello\n")],
    ["empty", Buffer.alloc(0)],
  ])("refuses a file that is %s", async (_, content) => {
    const path = join(await temporaryFolder(), "model.gguf");
    await writeFile(path, content);
    await expect(readModels([path])).rejects.toMatchObject({ code: "GGUF_MALFORMED", class: "integrity" });
  });
});
