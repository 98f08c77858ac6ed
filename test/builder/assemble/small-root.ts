/** Locked packages out of .debs made by code, and roots and trees out of what they hold. */
import { createContentReader } from "../../../src/builder/assemble/contents.ts";
import type { AssembleInput } from "../../../src/builder/assemble/assemble-root.ts";
import type { Tree, TreeNode } from "../../../src/builder/assemble/tree.ts";
import type { BoundScript, EffectName, LockedPackage, ScriptName } from "../../../src/builder/lock/lock.ts";
import { digestOf } from "../../../src/shared/digest.ts";
import { parentOf, parseRelativePath, type RelativePath } from "../../../src/shared/relative-path.ts";
import { byKey } from "../../../src/shared/order.ts";
import type { Store } from "../../../src/shared/store/store.ts";
import { addDeb, type SmallDeb } from "./small-deb.ts";

export const EPOCH = 1_700_000_000;

export const PLAIN: Omit<AssembleInput, "packages"> = {
  users: [],
  setuid: [],
  caBundle: false,
  epoch: EPOCH,
};

/** `effects` binds scripts to effects; every other script of the .deb is bound as not needed. */
export async function lockDeb(
  store: Store,
  deb: SmallDeb,
  effects: Partial<Record<ScriptName, EffectName>> = {},
): Promise<LockedPackage> {
  const { name = "small", version = "1.0-1" } = deb;
  const { digest, sizeBytes } = await addDeb(store, deb);
  const scripts = (["config", "postinst", "postrm", "preinst", "prerm"] as const).flatMap(
    (script): BoundScript[] => {
      const bytes = deb.control?.[script];
      const effect = effects[script];
      if (bytes === undefined) return [];
      const decision =
        effect === undefined
          ? ({ kind: "not needed", because: "It is a test" } as const)
          : ({ kind: "effect", effect } as const);
      return [{ name: script, sha256: digestOf(bytes), decision }];
    },
  );
  return {
    purl: `pkg:deb/debian/${name}@${version}?arch=amd64`,
    mirror: "debian",
    path: parseRelativePath(`pool/${name}.deb`),
    sha256: digest,
    sizeBytes,
    name,
    version,
    architecture: "amd64",
    suite: "bookworm",
    source: { name, version },
    scripts,
  };
}

/** What an `ls` would show: "mode uid:gid path", and where links lead. */
export function listing(tree: Tree): readonly string[] {
  return tree.map((node) => {
    const kind = { directory: "d", file: "-", symlink: "l", hardlink: "h" }[node.kind];
    const target = "target" in node ? ` -> ${node.target}` : "";
    return `${kind} ${node.mode.toString(8)} ${node.uid}:${node.gid} ${node.path}${target}`;
  });
}

/** Without what every root has: folders, links of merged /usr, accounts and dpkg's metadata. */
export function ownFiles(tree: Tree): readonly string[] {
  const common = /^(?:bin|lib|sbin|etc\/passwd|etc\/group|var\/lib\/dpkg\/.*)$/;
  return listing(tree.filter(({ kind, path }) => kind !== "directory" && !common.test(path)));
}

export function nodeAt(tree: Tree, path: string): TreeNode {
  const node = tree.find((one) => one.path === path);
  if (node === undefined) throw new Error(`No "${path}" in the tree`);
  return node;
}

export async function textAt(tree: Tree, path: string, store: Store): Promise<string> {
  const node = nodeAt(tree, path);
  if (node.kind !== "file") throw new Error(`"${path}" is a ${node.kind}`);
  const contents = createContentReader(store);
  const bytes = await contents.read(node.content);
  await contents.close();
  return Buffer.from(bytes).toString();
}

export type Additions = Readonly<Record<string, Uint8Array | string | { readonly link: string }>>;

/** A tree of these files and links with their parents. */
export async function treeOf(files: Additions, store: Store): Promise<Tree> {
  const nodes = new Map<RelativePath, TreeNode>();
  const common = { uid: 0, gid: 0, mtime: EPOCH };
  const add = (node: TreeNode): void => {
    nodes.set(node.path, node);
    const parent = parentOf(node.path);
    if (parent !== undefined && !nodes.has(parent))
      add({ ...common, kind: "directory", path: parent, mode: 0o755 });
  };
  for (const [name, file] of Object.entries(files)) {
    const path = parseRelativePath(name);
    if (typeof file === "object" && "link" in file) {
      add({ ...common, kind: "symlink", path, mode: 0o777, target: file.link });
      continue;
    }
    const { digest, sizeBytes } = await store.add([Buffer.from(file)]);
    const content = { blob: digest, offset: 0, sizeBytes };
    add({ ...common, kind: "file", path, mode: 0o755, content });
  }
  return [...nodes.values()].sort(byKey(({ path }) => path));
}
