import { beforeEach, describe, expect, test } from "vitest";
import type { TrimRule } from "../../../src/builder/recipe/recipe.ts";
import { installWheels } from "../../../src/builder/wheel/install-wheels.ts";
import { installedTree } from "../../../src/builder/wheel/installed-tree.ts";
import { layoutOf } from "../../../src/builder/wheel/layout.ts";
import { digestOf } from "../../../src/shared/digest.ts";
import { parseRelativePath } from "../../../src/shared/relative-path.ts";
import { silentReporter } from "../../../src/shared/reporter.ts";
import type { Store } from "../../../src/shared/store/store.ts";
import { createRangeReader } from "../../../src/shared/tar/ranges.ts";
import { temporaryStore } from "../temporary.ts";
import { recordLine, storeWheel, wheelBytes, type SmallWheel } from "./small-wheel.ts";

const SITE = "lib/python3.11/site-packages";
const INFO = `${SITE}/alpha-1.0.dist-info`;
const DATA = "alpha-1.0.data";

let store: Store;
beforeEach(async () => {
  store = await temporaryStore();
});

type Wanted = SmallWheel & { readonly because?: string };

async function install(wheels: readonly Wanted[], trim: readonly TrimRule[] = []) {
  const locked = [];
  for (const { because, ...small } of wheels) {
    const identity = { ...small, ...(because === undefined ? {} : { because }) };
    locked.push(await storeWheel(store, wheelBytes(small), identity));
  }
  const recipe = { python: "python3.11", destination: "/opt/thing", wanted: [], trim } as const;
  return await installWheels(locked, recipe, { store, reporter: silentReporter });
}

async function treeOf(wheels: readonly Wanted[], trim: readonly TrimRule[] = []) {
  const { site } = layoutOf({ python: "python3.11" });
  const place = { destination: "/opt/thing", site, epoch: 1_700_000_000 };
  const tree = await installedTree(await install(wheels, trim), [], { place, store });
  const ranges = createRangeReader();
  const texts = new Map<string, string>();
  for (const node of tree) {
    if (node.kind !== "file") continue;
    const chunks = await Array.fromAsync(ranges.read(store.pathOf(node.content.blob), node.content));
    texts.set(node.path.replace("opt/thing/", ""), Buffer.concat(chunks).toString());
  }
  await ranges.close();
  return { tree, texts };
}

async function refused(wheels: readonly Wanted[], trim?: readonly TrimRule[]): Promise<unknown> {
  return await install(wheels, trim).then(
    () => "installed",
    (error: unknown) => error,
  );
}

describe("where files come to lie", () => {
  test("modules in site-packages, and each part of .data where a virtual environment has it", async () => {
    const files = {
      "alpha/__init__.py": "",
      [`${DATA}/purelib/pure.py`]: "",
      [`${DATA}/platlib/alpha/native.so`]: "",
      [`${DATA}/scripts/tool`]: "#!/bin/sh\n",
      [`${DATA}/headers/alpha.h`]: "",
      [`${DATA}/data/share/alpha/x.txt`]: "",
    };
    const { files: found } = await install([{ files }]);
    expect(found.map(({ path }) => path).filter((path) => !path.startsWith(INFO))).toEqual([
      "bin/tool",
      "include/site/python3.11/alpha/alpha.h",
      `${SITE}/alpha/__init__.py`,
      `${SITE}/alpha/native.so`,
      `${SITE}/pure.py`,
      "share/alpha/x.txt",
    ]);
  });

  test("an unknown part of .data, and one without a part, are refused", async () => {
    for (const path of [`${DATA}/etc/x`, `${DATA}/x`, `${DATA}/data`, `${DATA}/scripts`])
      expect(await refused([{ files: { [path]: "" } }]), path).toMatchObject({ class: "integrity" });
  });

  test("whatever the file's mode was, a script may be run, and one that asks for python gets the image's", async () => {
    const files = {
      [`${DATA}/scripts/a`]: "#!python -x\nprint()\n",
      [`${DATA}/scripts/b`]: "#!/usr/bin/env python\n",
    };
    const { tree, texts } = await treeOf([{ files }]);
    expect(texts.get("bin/a")).toBe("#!/usr/bin/python3.11\nprint()\n");
    expect(texts.get("bin/b")).toBe("#!/usr/bin/env python\n");
    expect(tree.filter(({ path }) => path.includes("/bin/")).map(({ mode }) => mode)).toEqual([0o755, 0o755]);
  });

  test("a program for each entry point of the console, and for no other", async () => {
    const text =
      "[console_scripts]\nrun = alpha.cli:app.main\n[other]\nno = alpha:x\n\n[gui_scripts]\n# not\nwin=alpha:w [extra]\n";
    const { texts } = await treeOf([{ files: { "alpha-1.0.dist-info/entry_points.txt": text } }]);
    expect([...texts.keys()].filter((path) => path.startsWith("bin/"))).toEqual(["bin/run", "bin/win"]);
    expect(texts.get("bin/run")).toBe(
      '#!/usr/bin/python3.11\nimport sys\nfrom alpha.cli import app\nif __name__ == "__main__":\n    sys.exit(app.main())\n',
    );
  });

  test("an entry point that is none, or that would leave bin, is refused", async () => {
    for (const line of ["run", "../x = a:b", "x = a; import os:b", "x = a:b(c)", "a/b = a:b"]) {
      const files = { "alpha-1.0.dist-info/entry_points.txt": `[console_scripts]\n${line}\n` };
      expect(await refused([{ files }]), line).toMatchObject({ code: "WHEEL_MALFORMED" });
    }
  });
});

describe("what is written beside", () => {
  test("RECORD tells of every file that is there, what lies beside lib too, and of none else", async () => {
    const files = {
      "alpha/__init__.py": "x = 1\n",
      'alpha/a,"b".txt': "q",
      [`${DATA}/scripts/t`]: "#!python\n",
    };
    const { texts } = await treeOf([{ files, record: quoted }]);
    const lines = texts.get(`${INFO}/RECORD`)?.trim().split("\n");
    expect(lines).toEqual(
      [
        recordLine('"alpha/a,""b"".txt"', "q"),
        recordLine("../../../bin/t", "#!/usr/bin/python3.11\n"),
        recordLine("alpha-1.0.dist-info/INSTALLER", "cloister\n"),
        recordLine("alpha-1.0.dist-info/METADATA", texts.get(`${INFO}/METADATA`) ?? ""),
        "alpha-1.0.dist-info/RECORD,,",
        recordLine("alpha-1.0.dist-info/REQUESTED", ""),
        recordLine("alpha-1.0.dist-info/WHEEL", texts.get(`${INFO}/WHEEL`) ?? ""),
        recordLine("alpha/__init__.py", "x = 1\n"),
      ].sort((a, b) => (plain(a) < plain(b) ? -1 : 1)),
    );
  });

  test("bytecode stands in the RECORD of the wheel that has the module", async () => {
    const installation = await install([{}, { project: "beta" }]);
    const { digest: blob } = await store.add([Buffer.from("code")]);
    const made = {
      path: parseRelativePath(`${SITE}/beta/__pycache__/__init__.cpython-311.pyc`),
      from: parseRelativePath(`${SITE}/beta/__init__.py`),
      sha256: digestOf("code"),
      content: { blob, offset: 0, sizeBytes: 4 },
    };
    const place = { destination: "/opt", site: parseRelativePath(SITE), epoch: 1_700_000_000 };
    const tree = await installedTree(installation, [made], { place, store });
    const record = tree.find(({ path }) => path.endsWith("beta-1.0.dist-info/RECORD"));
    if (record?.kind !== "file") throw new Error("No RECORD");
    const ranges = createRangeReader();
    const chunks = await Array.fromAsync(ranges.read(store.pathOf(record.content.blob), record.content));
    await ranges.close();
    expect(Buffer.concat(chunks).toString()).toContain(
      recordLine("beta/__pycache__/__init__.cpython-311.pyc", "code"),
    );
  });

  test("REQUESTED only for what the recipe wants", async () => {
    const { files } = await install([{}, { project: "beta", because: "alpha" }]);
    expect(files.map(({ path }) => path).filter((path) => path.endsWith("REQUESTED"))).toEqual([
      `${INFO}/REQUESTED`,
    ]);
  });

  test("the tree is sorted, with its folders, owned by root and dated by the lock", async () => {
    const { tree } = await treeOf([{}]);
    expect(tree.map(({ path }) => path)).toEqual(tree.map(({ path }) => path).toSorted());
    expect(tree[0]).toMatchObject({ path: "opt", kind: "directory", mode: 0o755 });
    for (const { uid, gid, mtime } of tree) expect([uid, gid, mtime]).toEqual([0, 0, 1_700_000_000]);
  });
});

describe("what is refused", () => {
  test("a wheel that is another project, another version or another format than the lock says", async () => {
    const cases: readonly SmallWheel[] = [
      { metadata: "Name: beta\nVersion: 1.0\n" },
      { metadata: "Name: alpha\nVersion: 1.1\n" },
      { metadata: "" },
      { wheel: "Wheel-Version: 2.0\n" },
      { wheel: "" },
    ];
    for (const small of cases)
      expect(await refused([small]), JSON.stringify(small)).toMatchObject({ code: "WHEEL_MALFORMED" });
    const moved = await storeWheel(
      store,
      wheelBytes({ project: "beta", metadata: "Name: alpha\nVersion: 1.0\n" }),
    );
    const recipe = { python: "python3.11", destination: "/opt/thing", wanted: [] } as const;
    await expect(installWheels([moved], recipe, { store, reporter: silentReporter })).rejects.toMatchObject({
      message: expect.stringMatching(/its folder says "beta 1.0"/),
    });
  });

  test("a name that is written in another way is the same project", async () => {
    const small = { project: "alpha-beta", metadata: "Name: Alpha_Beta\nVersion: 1.0\n" };
    expect((await install([small])).wheels).toMatchObject([{ project: "alpha-beta" }]);
  });

  test("one file of two wheels, with both named", async () => {
    const files = { "shared/x.py": "" };
    expect(await refused([{ files }, { project: "beta", files }])).toMatchObject({
      code: "WHEEL_CONFLICT",
      fields: { path: `${SITE}/shared/x.py`, owners: ["alpha", "beta"] },
    });
  });

  test("one file twice in one wheel, by two ways", async () => {
    const files = { "x.py": "", [`${DATA}/purelib/x.py`]: "" };
    expect(await refused([{ files }])).toMatchObject({ code: "WHEEL_CONFLICT" });
  });

  test.each(["alpha.pth", "requirements.txt", "README"])("%s beside the packages", async (path) => {
    expect(await refused([{ files: { [path]: "import os" } }])).toMatchObject({
      code: "WHEEL_STRAY_FILE",
      fields: { paths: [`${SITE}/${path}`] },
    });
  });

  test("no module, stub or library beside the packages", async () => {
    const files = { "six.py": "", "six.pyi": "", "_n.cpython-311-x86_64-linux-gnu.so": "" };
    expect((await install([{ files }])).files.length).toBeGreaterThan(3);
  });
});

describe("trimming", () => {
  const because = "Nobody asks for it";
  const files = {
    "alpha/a.js": "1",
    "alpha/a.js.map": "{}",
    "alpha/x/b.map": "{}",
    "alpha/LICENSE.map": "©",
  };

  test("takes away what a rule names, in RECORD too, and leaves licences", async () => {
    const { texts } = await treeOf([{ files }], [{ files: "**/*.map", leave: "nothing", because }]);
    expect([...texts.keys()].filter((path) => path.startsWith(`${SITE}/alpha/`))).toEqual([
      `${SITE}/alpha/LICENSE.map`,
      `${SITE}/alpha/a.js`,
    ]);
    expect(texts.get(`${INFO}/RECORD`)).not.toContain("a.js.map");
  });

  test("leaves a file empty, in RECORD too", async () => {
    const rule = { files: `${SITE}/alpha/a.js`, leave: "empty", because } as const;
    const { texts } = await treeOf([{ files }], [rule]);
    expect(texts.get(`${SITE}/alpha/a.js`)).toBe("");
    expect(texts.get(`${INFO}/RECORD`)).toContain(recordLine("alpha/a.js", ""));
  });

  test("never touches metadata", async () => {
    const { texts } = await treeOf([{ files }], [{ files: "**", leave: "nothing", because }]);
    expect([...texts.keys()].filter((path) => !path.startsWith(INFO))).toEqual([`${SITE}/alpha/LICENSE.map`]);
    expect(texts.has(`${INFO}/METADATA`)).toBe(true);
  });

  test("makes way for a stray file that the recipe trims", async () => {
    const stray = { "requirements.txt": "x" };
    const rule = { files: `${SITE}/requirements.txt`, leave: "nothing", because } as const;
    expect(
      (await install([{ files: stray }], [rule])).files.every(({ path }) => !path.endsWith(".txt")),
    ).toBe(true);
  });

  test("is refused where no file follows a rule", async () => {
    expect(await refused([{ files }], [{ files: "**/*.none", leave: "nothing", because }])).toMatchObject({
      code: "TRIM_UNUSED",
      exitCode: 2,
      fields: { patterns: ["**/*.none"] },
    });
  });
});

function plain(line: string): string {
  return line
    .replace(/^"|",.*$/g, "")
    .replaceAll('""', '"')
    .replace(/,sha256.*$/, "");
}

function quoted(lines: readonly string[]): readonly string[] {
  return lines.map((line) => line.replace('alpha/a,"b".txt', '"alpha/a,""b"".txt"'));
}
