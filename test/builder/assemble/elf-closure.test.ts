import { beforeEach, describe, expect, test } from "vitest";
import { checkElfClosure } from "../../../src/builder/assemble/elf-closure.ts";
import type { Store } from "../../../src/shared/store/store.ts";
import { guardDeterminism } from "../guard.ts";
import { temporaryStore } from "../temporary.ts";
import { makeElf } from "./small-elf.ts";
import { treeOf, type Additions } from "./small-root.ts";

guardDeterminism();

let store: Store;
beforeEach(async () => {
  store = await temporaryStore();
});

const LIBRARY = makeElf({ soname: "liba.so.1" });
const LOADER = "/lib64/ld-linux-x86-64.so.2";

async function check(files: Additions): Promise<void> {
  await checkElfClosure(await treeOf(files, store), { store });
}

async function unresolved(files: Additions): Promise<unknown> {
  try {
    await check(files);
  } catch (error) {
    expect(error).toMatchObject({ class: "usage", code: "ELF_UNRESOLVED" });
    if (error instanceof Error && "fields" in error) return error.fields;
  }
  return undefined;
}

describe("a need is met by", () => {
  const needing = makeElf({ needed: ["liba.so.1"] });
  test.each<[string, Additions]>([
    ["a library in a standard folder", { "usr/bin/p": needing, "lib/x86_64-linux-gnu/liba.so.1": LIBRARY }],
    [
      "one in a folder of ld.so.conf",
      {
        "usr/bin/p": needing,
        "opt/a/liba.so.1": LIBRARY,
        "etc/ld.so.conf": "include ld.so.conf.d/*.conf\n",
        "etc/ld.so.conf.d/a.conf": "# ours\n/opt/a/\n",
      },
    ],
    [
      "one that a chain of symlinks leads to",
      {
        "usr/bin/p": needing,
        lib: { link: "usr/lib" },
        "usr/lib/x86_64-linux-gnu/liba.so.1": { link: "/opt/../opt/liba.so.1" },
        "opt/liba.so.1": { link: "liba.so.1.2.3" },
        "opt/liba.so.1.2.3": LIBRARY,
      },
    ],
    [
      "one beside the program, by $ORIGIN",
      {
        "opt/p/p": makeElf({ needed: ["liba.so.1"], runpath: "/nowhere:$ORIGIN" }),
        "opt/p/liba.so.1": LIBRARY,
      },
    ],
    [
      "one by ${ORIGIN} and ..",
      {
        "opt/bin/p": makeElf({ needed: ["liba.so.1"], rpath: "${ORIGIN}/../lib" }),
        "opt/lib/liba.so.1": LIBRARY,
      },
    ],
    [
      "one named with its path",
      { "opt/p": makeElf({ needed: ["/opt/l/liba.so.1"] }), "opt/l/liba.so.1": LIBRARY },
    ],
    [
      "its interpreter in the root",
      { "opt/p": makeElf({ type: 2, interpreter: LOADER }), "lib64/ld-linux-x86-64.so.2": LIBRARY },
    ],
    ["nothing, where it is an object for the linker", { "usr/lib/a.o": makeElf({ type: 1, machine: 3 }) }],
    ["nothing, where the file is a script", { "usr/bin/s": "#!/usr/bin/nowhere\n" }],
  ])("%s", async (_, files) => {
    await check(files);
  });
});

describe("a need is not met by", () => {
  const needing = makeElf({ needed: ["liba.so.1"] });
  const missing = { unresolved: ['/usr/bin/p: needs "liba.so.1"'] };
  test.each<[string, Additions]>([
    ["nothing at all", {}],
    ["a text of that name", { "usr/lib/liba.so.1": "INPUT(libb.so)\n" }],
    ["a library of another architecture", { "usr/lib/liba.so.1": makeElf({ machine: 183, type: 1 }) }],
    ["a program", { "usr/lib/liba.so.1": makeElf({ type: 2 }) }],
    ["a link out of the root", { "usr/lib/liba.so.1": { link: "../../../../../../../../usr/nowhere" } }],
    ["links in a circle", { "usr/lib/liba.so.1": { link: "liba.so.1" } }],
    ["a library elsewhere", { "opt/liba.so.1": LIBRARY }],
    ["a folder of that name", { "usr/lib/liba.so.1/x": "x" }],
  ])("%s", async (_, files) => {
    expect(await unresolved({ "usr/bin/p": needing, ...files })).toEqual(missing);
  });
});

test("everything that leads nowhere is named at once", async () => {
  expect(
    await unresolved({
      "usr/bin/a": makeElf({ interpreter: LOADER, needed: ["liba.so.1", "libb.so.1"] }),
      "usr/bin/b": makeElf({ machine: 183 }),
      "usr/bin/c": Buffer.from("\u007fELF and then nothing", "latin1"),
    }),
  ).toEqual({
    unresolved: [
      `/usr/bin/a: interpreter "${LOADER}"`,
      '/usr/bin/a: needs "liba.so.1"',
      '/usr/bin/a: needs "libb.so.1"',
      "/usr/bin/b: it is for machine 183, expected x86-64",
      "/usr/bin/c: Cannot read an ELF file: its header is cut short",
    ],
  });
});
