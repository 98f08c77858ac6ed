import { beforeEach, describe, expect, test } from "vitest";
import {
  assembleRoot,
  type AssembleInput,
  type AssembledRoot,
} from "../../../src/builder/assemble/assemble-root.ts";
import type { EffectName, LockedPackage } from "../../../src/builder/lock/lock.ts";
import { digestOf } from "../../../src/shared/digest.ts";
import type { Store } from "../../../src/shared/store/store.ts";
import { guardDeterminism } from "../guard.ts";
import { temporaryStore } from "../temporary.ts";
import type { Entry, SmallDeb } from "./small-deb.ts";
import { makeElf } from "./small-elf.ts";
import { EPOCH, listing, lockDeb, nodeAt, ownFiles, PLAIN, textAt, treeOf } from "./small-root.ts";

guardDeterminism();

let store: Store;
beforeEach(async () => {
  store = await temporaryStore();
});

async function assemble(
  debs: readonly (SmallDeb | LockedPackage)[],
  input: Partial<AssembleInput> = {},
): Promise<AssembledRoot> {
  const packages = await Promise.all(
    debs.map(async (deb) => ("sha256" in deb ? deb : await lockDeb(store, deb))),
  );
  return await assembleRoot({ ...PLAIN, ...input, packages }, { store });
}

function deb(name: string, data: readonly Entry[], more: SmallDeb = {}): SmallDeb {
  return { name, data, ...more };
}

function library(name: string): Entry {
  return { path: `./usr/lib/${name}`, text: makeElf({ soname: name }) };
}

/** A root with one library and one user. */
async function base(): Promise<AssembledRoot> {
  const debs = [
    deb("base", [{ path: "./usr/", kind: "directory", mtime: 1_000_000_000 }, library("liba.so.1")]),
  ];
  return await assemble(debs, { users: [USER] });
}

const USER = { name: "cloister", uid: 10001, gid: 10001, home: "/nonexistent", comment: "cloister services" };

describe("one package", () => {
  test("keeps modes, owners and links, gets its parents, and lies in a merged /usr", async () => {
    const { root, layer } = await assemble([
      deb("a", [
        { path: "./lib/", kind: "directory" },
        { path: "./lib/x/libz.so", text: "z" },
        { path: "./bin/tool", text: "tool", mode: 0o755, uid: 3, gid: 4 },
        { path: "./var/local/", kind: "directory", mode: 0o2775, gid: 50 },
        { path: "./usr/share/link", kind: "symlink", linkTarget: "../../lib/x" },
        { path: "./lib64/ld.so.2", kind: "symlink", linkTarget: "/lib/x/libz.so" },
      ]),
    ]);
    expect(layer).toEqual(root);
    expect(
      listing(root.filter(({ path }) => !path.startsWith("var/lib") && !path.startsWith("etc"))),
    ).toEqual([
      "l 777 0:0 bin -> usr/bin",
      "l 777 0:0 lib -> usr/lib",
      "l 777 0:0 lib64 -> usr/lib64",
      "l 777 0:0 sbin -> usr/sbin",
      "d 755 0:0 usr",
      "d 755 0:0 usr/bin",
      "- 755 3:4 usr/bin/tool",
      "d 755 0:0 usr/lib",
      "d 755 0:0 usr/lib/x",
      "- 644 0:0 usr/lib/x/libz.so",
      "d 755 0:0 usr/lib64",
      "l 777 0:0 usr/lib64/ld.so.2 -> /lib/x/libz.so",
      "d 755 0:0 usr/sbin",
      "d 755 0:0 usr/share",
      "l 777 0:0 usr/share/link -> ../../lib/x",
      "d 755 0:0 var",
      "d 2775 0:50 var/local",
    ]);
    expect(await textAt(root, "usr/bin/tool", store)).toBe("tool");
  });

  test("that has the links of a merged /usr itself is no conflict", async () => {
    const { root } = await assemble([
      deb("a", [
        { path: "./bin", kind: "symlink", linkTarget: "usr/bin" },
        { path: "./usr/bin/tool", text: "tool" },
      ]),
    ]);
    expect(nodeAt(root, "bin")).toMatchObject({ kind: "symlink", target: "usr/bin" });
  });

  test("has dates between 1980 and the epoch", async () => {
    const { root } = await assemble([
      deb("a", [
        { path: "./young", mtime: EPOCH + 100 },
        { path: "./same", mtime: 1_500_000_000 },
        { path: "./old", mtime: 0 },
      ]),
    ]);
    const dates = ["young", "same", "old", "etc/passwd"].map((path) => nodeAt(root, path).mtime);
    expect(dates).toEqual([EPOCH, 1_500_000_000, 315_532_800, EPOCH]);
  });

  test("has hard links lead to the first name in the tree's order", async () => {
    const { root } = await assemble([
      deb("a", [
        { path: "./usr/z", text: "content" },
        { path: "./usr/a", kind: "hardlink", linkTarget: "./usr/z" },
        { path: "./usr/m", kind: "hardlink", linkTarget: "./usr/a" },
        { path: "./usr/other", text: "" },
      ]),
    ]);
    expect(ownFiles(root)).toEqual([
      "- 644 0:0 usr/a",
      "h 644 0:0 usr/m -> usr/a",
      "- 644 0:0 usr/other",
      "h 644 0:0 usr/z -> usr/a",
    ]);
    expect(await textAt(root, "usr/a", store)).toBe("content");
  });

  test("has its control stanza and md5sums where scanners look", async () => {
    const fields = "Depends: libc6 (>= 2.36)\nSource: big (1.0)\n";
    const { root } = await assemble([deb("a", [], { fields, control: { md5sums: "abc  usr/a\n" } })]);
    expect(await textAt(root, "var/lib/dpkg/status.d/a", store)).toBe(
      "Package: a\nStatus: install ok installed\nVersion: 1.0-1\nArchitecture: amd64\n" +
        `Maintainer: Nobody <nobody@example.org>\n${fields}Description: small\n`,
    );
    expect(await textAt(root, "var/lib/dpkg/status.d/a.md5sums", store)).toBe("abc  usr/a\n");
    expect(root.some(({ path }) => path === "var/lib/dpkg/status")).toBe(false);
  });

  test("keeps the lines of a folded field", async () => {
    const { root } = await assemble([deb("a", [], { fields: "Conffiles:\n /etc/a 00\n /etc/b 11\n" })]);
    expect(await textAt(root, "var/lib/dpkg/status.d/a", store)).toContain(
      "\nConffiles: \n /etc/a 00\n /etc/b 11\nDescription",
    );
  });
});

describe("several packages", () => {
  test("share folders, whose date is the newest, in whatever order they are named", async () => {
    const a = await lockDeb(store, deb("a", [{ path: "./usr/", kind: "directory", mtime: 1_000_000_002 }]));
    const b = await lockDeb(store, deb("b", [{ path: "./usr/", kind: "directory", mtime: 1_000_000_001 }]));
    const { root } = await assemble([a, b]);
    expect(nodeAt(root, "usr").mtime).toBe(1_000_000_002);
    expect(await assemble([b, a])).toEqual({ ...(await assemble([a, b])) });
  });

  test("may have the same file", async () => {
    const entry = { path: "./usr/share/a", text: "same" };
    const { root } = await assemble([deb("a", [entry]), deb("b", [entry])]);
    expect(ownFiles(root)).toEqual(["- 644 0:0 usr/share/a"]);
  });

  test.each<[string, Entry, Entry]>([
    ["another content", { path: "./f", text: "one" }, { path: "./f", text: "two" }],
    ["another size", { path: "./f", text: "one" }, { path: "./f", text: "three" }],
    ["another mode", { path: "./f", text: "one" }, { path: "./f", text: "one", mode: 0o755 }],
    ["another owner", { path: "./f", text: "one" }, { path: "./f", text: "one", uid: 5 }],
    ["another kind", { path: "./f", text: "one" }, { path: "./f", kind: "symlink", linkTarget: "g" }],
    [
      "another target",
      { path: "./f", kind: "symlink", linkTarget: "h" },
      { path: "./f", kind: "symlink", linkTarget: "g" },
    ],
    ["a folder for a file", { path: "./f", text: "one" }, { path: "./f/", kind: "directory" }],
    ["a file in its place as a folder", { path: "./f", text: "one" }, { path: "./f/g", text: "g" }],
    [
      "a file below its symlink",
      { path: "./f", kind: "symlink", linkTarget: "/etc" },
      { path: "./f/passwd", text: "g" },
    ],
    [
      "another mode of a folder",
      { path: "./f/", kind: "directory" },
      { path: "./f/", kind: "directory", mode: 0o700 },
    ],
    [
      "the same path through merged /usr",
      { path: "./bin/f", text: "one" },
      { path: "./usr/bin/f", text: "two" },
    ],
  ])("with %s are a conflict, either way round", async (_, one, two) => {
    const expected = {
      class: "integrity",
      code: "FILE_CONFLICT",
      fields: { owners: expect.any(Array) as unknown },
    };
    await expect(assemble([deb("a", [one]), deb("b", [two])])).rejects.toMatchObject(expected);
    await expect(assemble([deb("a", [two]), deb("b", [one])])).rejects.toMatchObject(expected);
  });

  test.each([
    ["a", { a: "Replaces: b\n", b: "" }],
    ["b", { a: "", b: "Replaces: other, a (<< 1.0-2)\n" }],
  ])("%s wins where it replaces the other", async (winner, fields) => {
    const { root } = await assemble([
      deb("a", [{ path: "./f", text: "a" }], { fields: fields.a }),
      deb("b", [{ path: "./f", text: "b" }], { fields: fields.b }),
    ]);
    expect(await textAt(root, "f", store)).toBe(winner);
  });

  test.each([
    ["another version", "Replaces: a (<< 1.0)\n", "./f"],
    ["a folder", "Replaces: a\n", "./f/"],
  ])("replacing %s wins nothing", async (_, fields, path) => {
    const kind = path.endsWith("/") ? "directory" : "file";
    const debs = [deb("a", [{ path: "./f", text: "a" }]), deb("b", [{ path, kind }], { fields })];
    await expect(assemble(debs)).rejects.toMatchObject({ code: "FILE_CONFLICT" });
  });
});

describe("setuid and setgid", () => {
  const debs = [
    deb("a", [
      { path: "./bin/su", mode: 0o4755 },
      { path: "./usr/bin/wall", mode: 0o2755 },
    ]),
  ];

  test("stop the root where the recipe does not list them, all at once", async () => {
    await expect(assemble(debs)).rejects.toMatchObject({
      class: "integrity",
      code: "SETUID_UNLISTED",
      fields: { paths: ["/usr/bin/su (4755, of a)", "/usr/bin/wall (2755, of a)"] },
    });
  });

  test("stay where it does", async () => {
    const { root } = await assemble(debs, { setuid: ["/bin/su", "/usr/bin/wall"] });
    expect(nodeAt(root, "usr/bin/su").mode).toBe(0o4755);
  });
});

describe("a package that is not what the lock says is refused:", () => {
  const small = deb("a", [], { control: { postinst: "#!/bin/sh\n" } });
  test.each<[string, string, (locked: LockedPackage) => LockedPackage]>([
    ["another name", "PACKAGE_MISMATCH", (locked) => ({ ...locked, name: "b" })],
    ["another version", "PACKAGE_MISMATCH", (locked) => ({ ...locked, version: "1.0-2" })],
    ["another architecture", "PACKAGE_MISMATCH", (locked) => ({ ...locked, architecture: "all" })],
    ["a script that the lock has not", "SCRIPT_UNBOUND", (locked) => ({ ...locked, scripts: [] })],
    [
      "a script of other bytes",
      "SCRIPT_CHANGED",
      (locked) => ({
        ...locked,
        scripts: locked.scripts.map((one) => ({ ...one, sha256: digestOf("other") })),
      }),
    ],
    [
      "a script that it has not",
      "SCRIPT_CHANGED",
      (locked) => ({
        ...locked,
        scripts: locked.scripts.flatMap((one) => [one, { ...one, name: "prerm" as const }]),
      }),
    ],
  ])("%s", async (_, code, change) => {
    const locked = await lockDeb(store, small);
    await expect(assemble([change(locked)])).rejects.toMatchObject({ class: "integrity", code });
    await assemble([locked]);
  });
});

test("a package that cannot be unpacked is called by its name", async () => {
  const { digest, sizeBytes } = await store.add([Buffer.from("no archive at all")]);
  const locked = { ...(await lockDeb(store, deb("a", []))), sha256: digest, sizeBytes };
  await expect(assemble([locked])).rejects.toMatchObject({
    code: "DEB_MALFORMED",
    message: expect.stringContaining('"a 1.0-1"') as unknown,
  });
});

describe("effects", () => {
  const script = { postinst: "#!/bin/sh\n" };
  const bound = (small: SmallDeb, effect: EffectName) =>
    lockDeb(store, { ...small, control: script }, { postinst: effect });

  test("accounts are the recipe's, without passwords", async () => {
    const { root } = await assemble([], {
      users: [USER, { ...USER, name: "root", uid: 0, gid: 0, home: "/root" }],
    });
    expect(await textAt(root, "etc/passwd", store)).toBe(
      "root:*:0:0:cloister services:/root:/usr/sbin/nologin\n" +
        "cloister:*:10001:10001:cloister services:/nonexistent:/usr/sbin/nologin\n",
    );
    expect(await textAt(root, "etc/group", store)).toBe("root:*:0:\ncloister:*:10001:\n");
  });

  test("a root for which no users are named has root and nobody", async () => {
    const { root } = await assemble([]);
    expect(await textAt(root, "etc/group", store)).toBe("root:*:0:\nnobody:*:65534:\n");
  });

  const baseFiles = deb("base-files", [
    { path: "./usr/share/base-files/profile", text: "# profile\n" },
    { path: "./usr/share/base-files/motd", text: "motd\n" },
    { path: "./etc/motd", text: "its own\n" },
    { path: "./etc/dpkg/origins/debian", text: "Vendor: Debian\n" },
    { path: "./var/run/", kind: "directory" },
    { path: "./var/lock/", kind: "directory" },
    { path: "./var/lock/something", text: "x" },
  ]);

  test("os-files stands for a script that it is bound to, and takes nothing away", async () => {
    const { root } = await assemble([await bound(baseFiles, "os-files")]);
    expect(await textAt(root, "etc/profile", store)).toBe("# profile\n");
    expect(await textAt(root, "etc/motd", store)).toBe("its own\n");
    expect(nodeAt(root, "etc/dpkg/origins/default")).toMatchObject({ target: "debian" });
    expect(nodeAt(root, "var/run")).toMatchObject({ target: "/run" });
    expect(nodeAt(root, "var/lock")).toMatchObject({ kind: "directory" });
    expect(nodeAt(root, "var/mail")).toMatchObject({ kind: "directory", mode: 0o2775, gid: 8 });
    expect(nodeAt(root, "var/log/btmp")).toMatchObject({ mode: 0o660, gid: 43, content: { sizeBytes: 0 } });
  });

  test("os-files is not done for anybody else", async () => {
    const { root } = await assemble([baseFiles]);
    expect(root.some(({ path }) => path === "etc/profile" || path === "usr/local")).toBe(false);
  });

  const certificates = deb("ca-certificates", [
    { path: "./usr/share/ca-certificates/mozilla/B.crt", text: "b" },
    { path: "./usr/share/ca-certificates/mozilla/A.crt", text: "a\n" },
    { path: "./usr/share/ca-certificates/mozilla/README", text: "no certificate\n" },
  ]);

  test("ca-bundle joins the certificates in the order of their names", async () => {
    const { root } = await assemble([await bound(certificates, "ca-bundle")], { caBundle: true });
    expect(await textAt(root, "etc/ssl/certs/ca-certificates.crt", store)).toBe("a\nb\n");
  });

  test("ca-bundle that a script is bound to and the recipe does not ask for is refused", async () => {
    await expect(assemble([await bound(certificates, "ca-bundle")])).rejects.toMatchObject({
      class: "usage",
      code: "EFFECT_NOT_ASKED",
    });
  });

  test("ca-bundle without certificates is refused", async () => {
    await expect(assemble([], { caBundle: true })).rejects.toMatchObject({
      class: "usage",
      code: "CA_CERTIFICATES_MISSING",
    });
  });

  test("ld.so.cache and a missing link by soname are made where there are libraries", async () => {
    const elf = makeElf({ soname: "liba.so.1" });
    const { root } = await assemble([deb("a", [{ path: "./usr/lib/liba.so.1.0", text: elf }])]);
    expect(nodeAt(root, "usr/lib/liba.so.1")).toMatchObject({ kind: "symlink", target: "liba.so.1.0" });
    expect(await textAt(root, "etc/ld.so.cache", store)).toContain("/lib/liba.so.1");
    expect(await textAt(root, "etc/ld.so.conf", store)).toBe("include /etc/ld.so.conf.d/*.conf\n\n");
  });

  test("ld.so.cache is not made where there are none", async () => {
    const { root } = await assemble([deb("a", [{ path: "./usr/lib/liba.so.1", text: "INPUT(libb.so)\n" }])]);
    expect(ownFiles(root)).toEqual(["- 644 0:0 usr/lib/liba.so.1"]);
  });
});

describe("a layer above another", () => {
  test("holds what is new and its parents as they are below", async () => {
    const below = await base();
    const additions = await treeOf({ "opt/tool/tool": "tool", "usr/share/tool/tool.txt": "text" }, store);
    const { layer, root } = await assemble([], { below, additions });
    expect(listing(layer)).toEqual([
      "d 755 0:0 opt",
      "d 755 0:0 opt/tool",
      "- 755 0:0 opt/tool/tool",
      "d 755 0:0 usr",
      "d 755 0:0 usr/share",
      "d 755 0:0 usr/share/tool",
      "- 755 0:0 usr/share/tool/tool.txt",
    ]);
    expect(nodeAt(layer, "usr")).toEqual(nodeAt(below.root, "usr"));
    expect(root.length).toBe(below.root.length + layer.length - 1);
  });

  test("has an ld.so.cache of its own only where it adds libraries that the loader looks for", async () => {
    const below = await base();
    const same = await assemble([deb("a", [{ ...library("libb.so.1"), path: "./opt/libb.so.1" }])], {
      below,
    });
    expect(same.layer.some(({ path }) => path === "etc/ld.so.cache")).toBe(false);
    const more = await assemble([deb("a", [library("libb.so.1")])], { below });
    expect(more.layer.filter(({ path }) => path.startsWith("etc/")).map(({ path }) => path)).toEqual([
      "etc/ld.so.cache",
    ]);
    expect(await textAt(more.root, "etc/ld.so.cache", store)).toMatch(/libb\.so\.1[^]*liba\.so\.1/);
  });

  test("adds its users to those below", async () => {
    const below = await base();
    const { layer } = await assemble([], { below, users: [{ ...USER, name: "extra", uid: 10002 }] });
    expect(await textAt(layer, "etc/passwd", store)).toMatch(/^cloister:.*\nextra:.*\n$/);
    expect(await assemble([], { below })).toMatchObject({ layer: [], users: [USER] });
  });

  test("may bring the same file again, which it then does not hold, and no other", async () => {
    const below = await base();
    const same = await assemble([deb("a", [library("liba.so.1")])], { below });
    expect(same.layer.some(({ path }) => path === "usr/lib/liba.so.1")).toBe(false);
    const other = deb("a", [{ path: "./usr/lib/liba.so.1", text: "other" }], { fields: "Replaces: base\n" });
    await expect(assemble([other], { below })).rejects.toMatchObject({
      code: "FILE_CONFLICT",
      fields: { owners: ["the layer below", "a"] },
    });
  });
});

test("an addition on a package's file is a conflict", async () => {
  const additions = await treeOf({ "usr/bin/tool": "ours" }, store);
  await expect(
    assemble([deb("a", [{ path: "./bin/tool", text: "theirs" }])], { additions }),
  ).rejects.toMatchObject({ code: "FILE_CONFLICT", fields: { path: "usr/bin/tool" } });
});

describe("files that are left out", () => {
  const files = [
    { path: "./usr/lib/x/keep", text: "k" },
    { path: "./usr/lib/x/drop", text: "d" },
  ];

  test("are in neither the layer nor the root; what lies beside them stays", async () => {
    const { layer, root } = await assemble([deb("a", files)], { drop: ["/usr/lib/x/drop"] });
    for (const tree of [layer, root])
      expect(tree.map(({ path }) => path).filter((path) => path.startsWith("usr/lib/x"))).toEqual([
        "usr/lib/x",
        "usr/lib/x/keep",
      ]);
  });

  test("are refused where no package of this layer has them: folders, other paths, files of the layer below", async () => {
    const below = await base();
    for (const path of ["/usr/lib/x", "/usr/lib/x/gone", "/usr/lib/liba.so.1"])
      await expect(assemble([deb("a", files)], { below, drop: [path] }), path).rejects.toMatchObject({
        code: "DROP_MISSING",
        class: "usage",
        fields: { path },
      });
  });
});
