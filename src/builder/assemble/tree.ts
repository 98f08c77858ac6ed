import type { Digest } from "../../shared/digest.ts";
import type { RelativePath } from "../../shared/relative-path.ts";

/** Bytes in the store: a range of one blob. A file of an unpacked .deb is a range of its data.tar; nothing is ever extracted. */
export type Content = { readonly blob: Digest; readonly offset: number; readonly sizeBytes: number };

type Metadata = {
  readonly path: RelativePath;
  /** Permission bits, setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970, at most the lock's epoch. */
  readonly mtime: number;
};

export type TreeNode =
  | (Metadata & { readonly kind: "directory" })
  | (Metadata & { readonly kind: "file"; readonly content: Content })
  | (Metadata & { readonly kind: "symlink"; readonly target: string })
  | (Metadata & { readonly kind: "hardlink"; readonly target: RelativePath });

/** A root file system or one layer of it: sorted by path in code units, each path once, every parent present. */
export type Tree = readonly TreeNode[];
