import { canonicalJson, readableJson } from "../../shared/canonical-json.ts";
import type { ImageFile, ImageFileList } from "../../shared/appliance/manifest.ts";
import { digestOf, type Digest } from "../../shared/digest.ts";
import { hashChunks } from "../../shared/hash-file.ts";
import { recallBlob } from "../../shared/store/recall-blob.ts";
import type { Store, StoredBlob } from "../../shared/store/store.ts";
import { createRangeReader, type RangeReader } from "../../shared/tar/ranges.ts";
import type { Content, Tree } from "../assemble/tree.ts";
import { FORMAT } from "../format.ts";
import { verifyContents } from "./verify-contents.ts";

/** provenance/<image>.files.json of a whole root, as a blob: every path with what verify compares. Made once per root. */
export async function writeFileList(
  image: string,
  root: Tree,
  deps: { readonly store: Store },
): Promise<StoredBlob> {
  const { store } = deps;
  const key = digestOf(canonicalJson({ format: FORMAT, image, root }));
  const known = await recallBlob(store, "file-list", key);
  if (known !== undefined) return known;
  await verifyContents(root, deps);
  const ranges = createRangeReader();
  try {
    const list: ImageFileList = { format: FORMAT, image, files: await describe(root, { store, ranges }) };
    const blob = await store.add([Buffer.from(readableJson(list))]);
    await store.remember("file-list", key, blob);
    return blob;
  } finally {
    await ranges.close();
  }
}

/** A hard link is listed as the file that it is: nobody can tell which of the names came first. */
async function describe(root: Tree, deps: { store: Store; ranges: RangeReader }): Promise<ImageFile[]> {
  const files: ImageFile[] = [];
  const byPath = new Map<string, ImageFile>();
  for (const node of root) {
    const { path, mode, uid, gid } = node;
    const metadata = { path, mode, uid, gid };
    let file: ImageFile;
    switch (node.kind) {
      case "directory":
        file = { ...metadata, kind: "directory" };
        break;
      case "symlink":
        file = { ...metadata, kind: "symlink", target: node.target };
        break;
      case "hardlink": {
        const target = byPath.get(node.target);
        if (target === undefined) throw new Error(`Hard link "${path}" stands before its target`);
        file = { ...target, path };
        break;
      }
      case "file":
        file = {
          ...metadata,
          kind: "file",
          sizeBytes: node.content.sizeBytes,
          sha256: await hashRange(node.content, deps),
        };
    }
    files.push(file);
    byPath.set(path, file);
  }
  return files;
}

async function hashRange(content: Content, deps: { store: Store; ranges: RangeReader }): Promise<Digest> {
  return (await hashChunks(deps.ranges.read(deps.store.pathOf(content.blob), content))).digest;
}
