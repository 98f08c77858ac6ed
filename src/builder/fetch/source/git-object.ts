/**
 * Git's object names: the SHA-1 of "<kind> <size>\0" and the content (git-hash-object(1), gitformat-pack(5)).
 *
 * SHA-1 is what upstream's commit ids are made of, so a commit id can be proven with nothing else. Collisions can be made
 * on purpose, which is why a lock also pins the sha256 of the tree's canonical tar: from the moment of locking on, no second
 * tree with the same SHA-1 gets in.
 */
import { createHash } from "node:crypto";
import { AppError } from "../../../shared/errors.ts";

export type ObjectKind = "blob" | "commit" | "tree";

export type ObjectHasher = { update(chunk: Uint8Array): void; finish(): string };

export function createObjectHasher(kind: ObjectKind, sizeBytes: number): ObjectHasher {
  const hash = createHash("sha1").update(`${kind} ${sizeBytes}\0`);
  return { update: (chunk) => void hash.update(chunk), finish: () => hash.digest("hex") };
}

/** 40 lower-case hex digits. */
export function objectId(kind: ObjectKind, content: Uint8Array): string {
  const hasher = createObjectHasher(kind, content.length);
  hasher.update(content);
  return hasher.finish();
}

export type Commit = {
  readonly tree: string;
  /** The committer's date, seconds since 1970. */
  readonly committedAt: number;
};

/** Reads a commit object that has this id. Throws AppError SOURCE_COMMIT_DIFFERS or GIT_MALFORMED (integrity). */
export function parseCommit(content: Uint8Array, id: string): Commit {
  const received = objectId("commit", content);
  if (received !== id) {
    throw new AppError(
      { class: "integrity", code: "SOURCE_COMMIT_DIFFERS" },
      `Cannot take the commit object for ${id}: it hashes to ${received}`,
      { fields: { expected: id, received } },
    );
  }
  const text = Buffer.from(content).toString("utf8");
  const header = text.slice(0, Math.max(text.indexOf("\n\n"), 0));
  const tree = /^tree ([0-9a-f]{40})$/m.exec(header)?.[1];
  const committedAt = /^committer .*> (\d{1,12}) [+-]\d{4}$/m.exec(header)?.[1];
  if (tree === undefined || committedAt === undefined)
    throw gitMalformed(`Cannot read commit ${id}: no tree or no committer's date in its header`);
  return { tree, committedAt: Number(committedAt) };
}

export function gitMalformed(message: string): AppError {
  return new AppError({ class: "integrity", code: "GIT_MALFORMED" }, message);
}
