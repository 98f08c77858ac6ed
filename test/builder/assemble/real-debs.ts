/** Packages of Debian as this machine's apt has them, locked with what stands for their scripts, and other people's views of a root. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, mkdir, readdir, readFile, readlink, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LockedPackage, BoundScript, EffectName } from "../../../src/builder/lock/lock.ts";
import { fieldOf } from "../../../src/builder/lock/debian/control.ts";
import { createContentReader } from "../../../src/builder/assemble/contents.ts";
import { scriptsIn } from "../../../src/builder/assemble/scripts.ts";
import type { Tree, TreeNode } from "../../../src/builder/assemble/tree.ts";
import { unpackDeb } from "../../../src/builder/assemble/unpack-deb.ts";
import { digestOf } from "../../../src/shared/digest.ts";
import { exec } from "../../../src/shared/exec.ts";
import { byKey } from "../../../src/shared/order.ts";
import { parseRelativePath } from "../../../src/shared/relative-path.ts";
import type { Store } from "../../../src/shared/store/store.ts";

export type RealDeb = { readonly file: string; readonly locked: LockedPackage };

const EFFECTS: Readonly<Record<string, EffectName>> = {
  "base-files postinst": "os-files",
  "base-passwd postinst": "accounts",
  "base-passwd preinst": "accounts",
  "ca-certificates postinst": "ca-bundle",
  "libc6 preinst": "merged-usr",
  "usr-is-merged preinst": "merged-usr",
};

export async function downloadDebs(
  names: readonly string[],
  { folder, store }: { readonly folder: string; readonly store: Store },
): Promise<readonly RealDeb[]> {
  await mkdir(folder);
  await exec("apt-get", ["-q", "-o", "APT::Sandbox::User=root", "download", ...names], {
    cwd: folder,
    timeoutMs: 120_000,
  });
  const files = (await readdir(folder)).map((name) => join(folder, name));
  const debs = await Promise.all(files.map(async (file) => ({ file, locked: await lockFile(file, store) })));
  return debs.sort(byKey(({ locked }) => locked.name));
}

async function lockFile(file: string, store: Store): Promise<LockedPackage> {
  const { digest, sizeBytes } = await store.add(createReadStream(file));
  const { control, controlFiles } = await unpackDeb({ digest, sizeBytes }, { store });
  const [name, version, architecture] = ["Package", "Version", "Architecture"].map(
    (field) => fieldOf(control, field) ?? "",
  );
  if (name === undefined || version === undefined || (architecture !== "amd64" && architecture !== "all"))
    throw new Error(`Not a package for this test: ${file}`);
  const scripts = [...scriptsIn(controlFiles)].map(([script, bytes]): BoundScript => {
    const effect = EFFECTS[`${name} ${script}`];
    const because = "The test compares what that comes to";
    const decision = effect === undefined ? { kind: "not needed", because } : { kind: "effect", effect };
    return { name: script, sha256: digestOf(bytes), decision: decision as BoundScript["decision"] };
  });
  return {
    purl: `pkg:deb/debian/${name}@${version}`,
    mirror: "debian",
    path: parseRelativePath(`pool/${name}.deb`),
    sha256: digest,
    sizeBytes,
    name,
    version,
    architecture,
    suite: "bookworm",
    source: { name, version },
    scripts,
  };
}

/**
 * A root as dpkg makes it, maintainer scripts included. Needs root. The scripts work on the folder from outside and must know how
 * to (DPKG_ROOT): those of ca-certificates, for one, would work on this machine.
 */
export async function installWithDpkg(debs: readonly RealDeb[], folder: string): Promise<void> {
  for (const path of ["usr/bin", "usr/sbin", "usr/lib", "etc", "var/lib/dpkg/info", "var/lib/dpkg/updates"])
    await mkdir(join(folder, path), { recursive: true });
  for (const alias of ["bin", "sbin", "lib"]) await symlink(`usr/${alias}`, join(folder, alias));
  for (const name of ["status", "available"]) await writeFile(join(folder, "var/lib/dpkg", name), "");
  const options = ["--force-script-chrootless", "--force-depends", "--log=/dev/null"];
  await exec("dpkg", [`--root=${folder}`, ...options, "--install", ...debs.map(({ file }) => file)], {
    // With a frontend of debconf said to be there already, no script starts one on this machine.
    env: {
      PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
      LC_ALL: "C",
      DEBIAN_FRONTEND: "noninteractive",
      DEBIAN_HAS_FRONTEND: "1",
    },
    timeoutMs: 240_000,
  });
}

/** One line a path: kind, mode, owner, date where packages decide it, and what it holds. */
export async function describeFolder(root: string): Promise<ReadonlyMap<string, string>> {
  const lines = new Map<string, string>();
  const inodes = new Map<number, string>();
  for (const path of await walk(root, "")) {
    const info = await lstat(join(root, path));
    const mode = (info.mode & 0o7777).toString(8);
    const owner = `${info.uid}:${info.gid}`;
    const date = Math.floor(info.mtimeMs / 1000);
    if (info.isDirectory()) lines.set(path, `d ${mode} ${owner}`);
    else if (info.isSymbolicLink()) lines.set(path, `l ${owner} ${date} ${await readlink(join(root, path))}`);
    else {
      const first = inodes.get(info.ino) ?? path;
      inodes.set(info.ino, first);
      const hash = sha256(await readFile(join(root, path)));
      lines.set(path, `- ${mode} ${owner} ${date} ${hash} same as ${first}`);
    }
  }
  return lines;
}

/** Not readdir's own recursion, which follows links: /var/run of a root leads to this machine's /run. */
async function walk(root: string, folder: string): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    paths.push(path, ...(entry.isDirectory() ? await walk(root, path) : []));
  }
  return paths.sort();
}

export async function describeTree(tree: Tree, store: Store): Promise<ReadonlyMap<string, string>> {
  const contents = createContentReader(store);
  const files = new Map(tree.map((node) => [node.path, node]));
  const describe = async (node: TreeNode): Promise<string> => {
    const owner = `${node.uid}:${node.gid}`;
    const mode = node.mode.toString(8);
    switch (node.kind) {
      case "directory":
        return `d ${mode} ${owner}`;
      case "symlink":
        return `l ${owner} ${node.mtime} ${node.target}`;
      case "hardlink":
      case "file": {
        const file = node.kind === "file" ? node : files.get(node.target);
        if (file?.kind !== "file") throw new Error(`"${node.path}" links to no file`);
        const hash = sha256(await contents.read(file.content));
        return `- ${mode} ${owner} ${node.mtime} ${hash} same as ${file.path}`;
      }
    }
  };
  const lines = new Map<string, string>();
  for (const node of tree) lines.set(node.path, await describe(node));
  await contents.close();
  return lines;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
