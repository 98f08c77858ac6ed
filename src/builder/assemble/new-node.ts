import { digestOf } from "../../shared/digest.ts";
import { parseRelativePath } from "../../shared/relative-path.ts";
import type { Store } from "../../shared/store/store.ts";
import { DIRECTORY_MODE, FILE_MODE } from "../format.ts";
import type { RootBuilder } from "./root-builder.ts";
import type { Content } from "./tree.ts";

/** What an effect adds to a root: owned by root and as old as the lock unless it says otherwise. */
export type NewNode = {
  readonly path: string;
  readonly mode?: number;
  readonly gid?: number;
} & (
  | { readonly kind: "directory" }
  | { readonly kind: "symlink"; readonly target: string }
  /** The content of a file that is there already. */
  | { readonly kind: "copy"; readonly content: Content }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
);

export function textFile(path: string, text: string): NewNode {
  return { kind: "bytes", path, bytes: Buffer.from(text) };
}

/** Puts the nodes in place of what is there. All bytes come to lie in one blob of the store. */
export async function addNewNodes(
  nodes: readonly NewNode[],
  builder: RootBuilder,
  { store }: { readonly store: Store },
): Promise<void> {
  const parts = nodes.flatMap((node) => (node.kind === "bytes" ? [node.bytes] : []));
  const whole = Buffer.concat(parts);
  const blob = digestOf(whole);
  if (parts.length > 0 && !(await store.has(blob)))
    await store.put([whole], { digest: blob, sizeBytes: whole.length });
  let offset = 0;
  for (const node of nodes) {
    const { kind, mode, gid = 0 } = node;
    const metadata = { path: parseRelativePath(node.path), uid: 0, gid, mtime: builder.epoch, owner: "" };
    switch (kind) {
      case "directory":
        builder.set({ ...metadata, kind, mode: mode ?? DIRECTORY_MODE });
        break;
      case "symlink":
        builder.set({ ...metadata, kind, mode: 0o777, target: node.target });
        break;
      case "copy":
        builder.set({ ...metadata, kind: "file", mode: mode ?? FILE_MODE, content: node.content });
        break;
      case "bytes": {
        const content = { blob, offset, sizeBytes: node.bytes.length };
        offset += node.bytes.length;
        builder.set({ ...metadata, kind: "file", mode: mode ?? FILE_MODE, content });
      }
    }
  }
}
