/** Debian's own tools look at what we make of Debian's own packages: dpkg-deb, dpkg, dpkg-query, ldconfig, update-ca-certificates. */
import { copyFile, mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { assembleRoot, type AssembledRoot } from "../../../src/builder/assemble/assemble-root.ts";
import { checkElfClosure } from "../../../src/builder/assemble/elf-closure.ts";
import { materialize } from "../../../src/builder/assemble/materialize.ts";
import { unpackDeb } from "../../../src/builder/assemble/unpack-deb.ts";
import { exec } from "../../../src/shared/exec.ts";
import type { Store } from "../../../src/shared/store/store.ts";
import { temporaryFolder, temporaryStore } from "../temporary.ts";
import { describeFolder, describeTree, downloadDebs, installWithDpkg, type RealDeb } from "./real-debs.ts";
import { makeElf } from "./small-elf.ts";
import { treeOf, type Additions } from "./small-root.ts";

/** The base image's, and others for what they bring: accounts, alternatives, diversions, hard links, symlinks, certificates. */
const PACKAGES =
  "base-files base-passwd ca-certificates dash debianutils gcc-12-base libc6 libcrypt1 libgcc-s1 libgmp10 libstdc++6 libtinfo6 mawk perl-base tar usr-is-merged zlib1g";
/** Younger than any package, so that no date is clamped. */
const EPOCH = 4_000_000_000;
const USERS = [{ name: "root", uid: 0, gid: 0, home: "/root", comment: "root" }];

let store: Store;
let folder: string;
let debs: readonly RealDeb[];
let assembled: AssembledRoot;

beforeAll(async () => {
  folder = await temporaryFolder();
  store = await temporaryStore();
  debs = await downloadDebs(PACKAGES.split(" "), { folder: join(folder, "debs"), store });
  assembled = await assemble(debs);
});

async function assemble(some: readonly RealDeb[], additions: Additions = {}): Promise<AssembledRoot> {
  const packages = some.map(({ locked }) => locked);
  const caBundle = packages.some(({ name }) => name === "ca-certificates");
  const input = { users: USERS, setuid: [], caBundle, epoch: EPOCH };
  return await assembleRoot({ ...input, packages, additions: await treeOf(additions, store) }, { store });
}

describe("dpkg-deb", () => {
  test("lists the same members of every package", async () => {
    for (const { file, locked } of debs) {
      const { stdout } = await exec("dpkg-deb", ["--contents", file], {
        env: { PATH: "/usr/bin:/bin", LC_ALL: "C.UTF-8" },
      });
      const { members } = await unpackDeb({ digest: locked.sha256, sizeBytes: locked.sizeBytes }, { store });
      const theirs = stdout.split("\n").flatMap(parseListed);
      const ours = members.map(({ path, kind, mode, sizeBytes, linkTarget }) => ({
        kind: { directory: "d", file: "-", symlink: "l", hardlink: "h" }[kind],
        mode,
        sizeBytes,
        path,
        target: linkTarget,
      }));
      expect(ours, file).toEqual(theirs);
    }
  });
});

describe("dpkg", () => {
  /** What its database, and the scripts that are not needed, leave there. */
  const THEIRS_ALONE = [
    /^var\/lib\/dpkg\//,
    // dash: diversions are in the database; debianutils, mawk, tar: alternatives and shells.
    /^etc\/alternatives(?:\/(?:awk|nawk|rmt|which)(?:\..*)?)?$/,
    /^var\/log\/alternatives\.log$/,
    /^usr\/(?:s?bin|share\/man\/(?:..\/)?man\d)\/(?:awk|nawk|rmt|which)(?:\.\d\.gz)?$/,
    /^(?:etc\/shells|var\/lib\/shells\.state)$/,
  ];
  /** What our effects write in their own way, or write where a script or trigger of a package that is not there would. */
  const OURS = [
    /^var\/lib\/dpkg\/status\.d(?:\/|$)/,
    /^etc\/(?:passwd|group)$/,
    /^etc\/ld\.so\.(?:cache|conf)$/,
  ];
  /** What both make while they run, at different times. */
  const MADE =
    /^(?:bin|sbin|lib|lib64|etc\/(?:profile|motd|dpkg\/origins\/default)|root\/\..*|usr\/local\/man|usr\/share\/info\/dir|var\/(?:run|lock|spool\/mail|log\/.*))$/;

  test("installs the same files with the same modes, owners, dates and links, but for what is listed here", async () => {
    const root = join(folder, "dpkg");
    const some = debs.filter(({ locked }) => locked.name !== "ca-certificates");
    await installWithDpkg(some, root);
    const theirs = await describeFolder(root);
    const ours = await describeTree((await assemble(some)).root, store);
    expect(theirs.size).toBeGreaterThan(1_500);
    const differences = [...new Set([...ours.keys(), ...theirs.keys()])].sort().flatMap((path) => {
      const [our, their] = [ours.get(path), theirs.get(path)].map((line) =>
        MADE.test(path) ? line?.replace(/ \d{9,}/, "") : line,
      );
      const isExpected = our === undefined ? matches(THEIRS_ALONE, path) : matches(OURS, path);
      return our === their || isExpected ? [] : [{ path, our, their }];
    });
    expect(differences).toEqual([]);
  });

  test("a package's own md5sums hold in the materialised root", async () => {
    const root = join(folder, "md5");
    await materialize(assembled.root, root, { store });
    const lists = (await readdir(join(root, "var/lib/dpkg/status.d"))).filter((name) =>
      name.endsWith(".md5sums"),
    );
    expect(lists).toHaveLength(debs.length);
    for (const name of lists) {
      const list = join(root, "var/lib/dpkg/status.d", name);
      if ((await readFile(list)).length > 0)
        await exec("md5sum", ["--check", "--strict", "--quiet", list], { cwd: root });
    }
  });

  test("dpkg-query lists the packages of the stanzas, all installed", async () => {
    const root = join(folder, "query");
    const admin = join(folder, "admin");
    await mkdir(admin);
    await materialize(assembled.root, root, { store });
    const status = join(root, "var/lib/dpkg/status.d");
    const names = (await readdir(status)).filter((name) => !name.endsWith(".md5sums"));
    const stanzas = await Promise.all(names.map((name) => readFile(join(status, name), "utf8")));
    await writeFile(join(admin, "status"), stanzas.join("\n"));
    const format = "${Package} ${Version} ${Architecture} ${db:Status-Status}\n";
    const { stdout, stderr } = await exec("dpkg-query", [
      `--admindir=${admin}`,
      "--show",
      `--showformat=${format}`,
    ]);
    expect(stderr).toBe("");
    expect(stdout.trim().split("\n").sort()).toEqual(
      debs
        .map(({ locked: { name, version, architecture } }) => `${name} ${version} ${architecture} installed`)
        .sort(),
    );
  });
});

describe("ldconfig", () => {
  /** Names for every branch of the comparison, levels of the processor, links of all kinds, and files that are no libraries. */
  const AWKWARD: Additions = {
    ...libraries(
      "liba.so.1 liba.so.9 liba.so.10 liba.so.10.1 liba10.so liba9.so libA.so lib-.so lib+.so lib0.so lib.so ld-x.so lib2147483647.so.1 lib4294967297.so.1 libé.so.1".split(
        " ",
      ),
      "usr/lib/x86_64-linux-gnu",
    ),
    ...libraries(["liba.so.9", "libonly.so.1", "libz.so.1"], "usr/local/lib"),
    "usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/libhw.so.1": makeElf({
      soname: "libhw.so.1",
      isa: 0b100,
    }),
    "usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v2/libhw.so.1.2": makeElf({
      soname: "libhw.so.1",
      isa: 0b1,
    }),
    "usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v4/libhw.so.1": makeElf({ soname: "libhw.so.1" }),
    "usr/lib/x86_64-linux-gnu/libhw.so.1": makeElf({ soname: "libhw.so.1" }),
    "usr/lib/x86_64-linux-gnu/libnoname.so": makeElf(),
    "usr/lib/x86_64-linux-gnu/libversion.so.1.9": makeElf({ soname: "libversion.so.1" }),
    "usr/lib/x86_64-linux-gnu/libversion.so.1.10": makeElf({ soname: "libversion.so.1" }),
    "usr/lib/x86_64-linux-gnu/libdev.so": { link: "libdev.so.3" },
    "usr/lib/x86_64-linux-gnu/libdev.so.3": { link: "libdev.so.3.1" },
    "usr/lib/x86_64-linux-gnu/libdev.so.3.1": makeElf({ soname: "libdev.so.3" }),
    "usr/lib/x86_64-linux-gnu/libodd.so": { link: "libodd-5.so" },
    "usr/lib/x86_64-linux-gnu/libodd-5.so": makeElf({ soname: "libodd.so.5" }),
    "usr/lib/x86_64-linux-gnu/libdangling.so.1": { link: "/nowhere" },
    "usr/lib/x86_64-linux-gnu/libtext.so": "INPUT(libz.so.1)\n",
    "usr/lib/x86_64-linux-gnu/libforeign.so.1": makeElf({ soname: "libforeign.so.1", machine: 183 }),
    "usr/lib/x86_64-linux-gnu/libprogram.so.1": makeElf({ soname: "libprogram.so.1", type: 2 }),
    "usr/lib/x86_64-linux-gnu/plugin.so": makeElf({ soname: "plugin.so" }),
    "etc/ld.so.conf": "# comment\ninclude ld.so.conf.d/*.conf\n/opt/own # with a comment\n/nowhere\n",
    "etc/ld.so.conf.d/a.conf": "/usr/local/lib\n",
    "etc/ld.so.conf.d/b.notconf": "/opt/never\n",
    ...libraries(["libown.so.1", "liba.so.1"], "opt/own"),
    ...libraries(["libnever.so.1"], "opt/never"),
  };

  test.each<[string, readonly string[] | "all", Additions]>([
    ["the base image's packages", "base-files libc6 gcc-12-base libgcc-s1 libstdc++6".split(" "), {}],
    ["all packages of this test", "all", {}],
    ["awkward names", ["libc6", "libgcc-s1", "gcc-12-base", "libstdc++6", "zlib1g"], AWKWARD],
  ])(
    "reads and writes the same cache, and makes no link that we do not: %s",
    async (what, names, additions) => {
      const some = debs.filter(({ locked }) => names === "all" || names.includes(locked.name));
      const { root } = await assemble(some, additions);
      const host = join(folder, `ldconfig ${what}`);
      await materialize(root, host, { store });
      const ours = join(folder, `ours of ${what}`);
      await copyFile(join(host, "etc/ld.so.cache"), ours);
      const before = await describeFolder(host);
      const printed = await printCache(host);
      await exec("ldconfig", ["-r", host]);
      expect(printed).toEqual(await printCache(host));
      expect(printed.length).toBeGreaterThan(10);
      expect(withoutGenerator(await readFile(ours))).toEqual(
        withoutGenerator(await readFile(join(host, "etc/ld.so.cache"))),
      );
      const after = await describeFolder(host);
      // Besides its own notes it makes nothing, and it takes nothing but links that lead nowhere.
      const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
        (path) =>
          before.get(path) !== after.get(path) && !/^(?:var\/cache\/ldconfig|etc\/ld\.so\.cache$)/.test(path),
      );
      expect(changed.filter((path) => !path.includes("dangling"))).toEqual([]);
    },
  );
});

test("update-ca-certificates makes the same bundle", async () => {
  const root = join(folder, "certificates");
  const made = join(folder, "made");
  const empty = join(folder, "empty");
  await materialize(assembled.root, root, { store });
  await mkdir(made);
  await mkdir(empty);
  const certificates = join(root, "usr/share/ca-certificates");
  const names = (await readdir(certificates, { recursive: true }))
    .filter((name) => name.endsWith(".crt"))
    .sort();
  await writeFile(join(folder, "certificates.conf"), names.map((name) => `${name}\n`).join(""));
  const options = {
    certsconf: join(folder, "certificates.conf"),
    certsdir: certificates,
    localcertsdir: empty,
    etccertsdir: made,
    hooksdir: empty,
  };
  await exec(
    "update-ca-certificates",
    Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]),
  );
  const [ours, theirs] = await Promise.all([
    readFile(join(root, "etc/ssl/certs/ca-certificates.crt"), "utf8"),
    readFile(join(made, "ca-certificates.crt"), "utf8"),
  ]);
  expect(names.length).toBeGreaterThan(100);
  expect(ours).toBe(theirs);
});

test("the libraries of real packages close, and do not without one of them", async () => {
  const closed = debs.filter(({ locked }) => !["tar", "base-passwd"].includes(locked.name));
  await checkElfClosure((await assemble(closed)).root, { store });
  const without = await assemble(closed.filter(({ locked }) => locked.name !== "libgcc-s1"));
  await expect(checkElfClosure(without.root, { store })).rejects.toMatchObject({
    code: "ELF_UNRESOLVED",
    fields: { unresolved: [expect.stringContaining('needs "libgcc_s.so.1"')] as unknown },
  });
});

function parseListed(line: string) {
  const [, kind = "", permissions = "", size = "", name = ""] =
    /^(.)(\S{9})\s+\S+\s+(\d+) \S+ \S+ \.\/(.+)$/.exec(line) ?? [];
  if (name === "") return [];
  const [, path = name, target = ""] = /^(.*?)(?: -> | link to )(.*)$/.exec(name) ?? [];
  return [
    {
      kind,
      mode: modeOf(permissions),
      sizeBytes: Number(size),
      path: path.replace(/\/$/, ""),
      target: kind === "h" ? target.replace(/^\.\//, "") : target,
    },
  ];
}

/** "rwxr-sr-t" as a number. */
function modeOf(text: string): number {
  const bits = text
    .split("")
    .reduce((mode, letter, index) => mode | (/[rwxst]/.test(letter) ? 0o400 >> index : 0), 0);
  const special = [2, 5, 8].reduce(
    (mode, at, index) => mode | (/[sStT]/.test(text[at] ?? "") ? 0o4000 >> index : 0),
    0,
  );
  return bits | special;
}

/** Libraries of these names as their sonames. */
function libraries(names: readonly string[], place: string): Additions {
  return Object.fromEntries(names.map((name) => [`${place}/${name}`, makeElf({ soname: name })]));
}

function matches(patterns: readonly RegExp[], path: string): boolean {
  return patterns.some((pattern) => pattern.test(path));
}

async function printCache(root: string): Promise<readonly string[]> {
  const { stdout } = await exec("ldconfig", ["-r", root, "-p"]);
  return stdout.split("\n").filter((line) => line.includes("=>"));
}

/** The one thing that differs, who wrote it, stands at the end: cut off, with its length. */
function withoutGenerator(cache: Buffer): string {
  const extension = cache.readUInt32LE(32);
  const rest = Buffer.from(cache.subarray(0, cache.readUInt32LE(extension + 16)));
  rest.writeUInt32LE(0, extension + 20);
  return rest.toString("hex");
}
