/**
 * The content store: every input and every derived blob under its sha256, every derived value under the digest of what it
 * was derived from. Safe for several processes at once: entries appear by rename, whole or not at all.
 *
 *   sha256/ab/abcd…        verified content
 *   derived/<kind>/<hex>   JSON: what was made from the inputs with this digest
 *   partial/               downloads and writes under way
 */
import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readFile, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { Json } from "../canonical-json.ts";
import { canonicalJson } from "../canonical-json.ts";
import { createHasher, hexOf, type Digest } from "../digest.ts";
import { AppError, isErrno } from "../errors.ts";
import { hashFile } from "../hash-file.ts";

export type StoredBlob = { readonly digest: Digest; readonly sizeBytes: number };
export type ByteSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

export type Store = {
  readonly root: string;
  has(digest: Digest): Promise<boolean>;
  /** Host path of a blob, for programs that need a file. Only for digests that `has` confirmed. */
  pathOf(digest: Digest): string;
  /** Writes a blob of unknown digest. */
  add(source: ByteSource): Promise<StoredBlob>;
  /** Writes a blob that must turn out to be `expected`. Throws DIGEST_MISMATCH or SIZE_MISMATCH (integrity); nothing is kept then. */
  put(source: ByteSource, expected: StoredBlob): Promise<void>;
  /** Streams a blob and throws STORE_DAMAGED (integrity) at its end where the bytes no longer have their digest. */
  read(digest: Digest): AsyncIterable<Uint8Array>;
  /** The same check for whoever reads the file itself. */
  verify(digest: Digest): Promise<void>;
  /** What was remembered for this kind and key; undefined where nothing was. */
  recall(kind: string, key: Digest): Promise<unknown>;
  remember(kind: string, key: Digest, value: Json): Promise<void>;
  /** A path for a file under way, on the same file system; the caller renames or removes it. */
  partialPath(name: string): string;
  /** Moves a finished, already verified partial file to its place. */
  adopt(partialPath: string, digest: Digest): Promise<void>;
};

const READ_CHUNK_BYTES = 1 << 20;
const BLOCK_BYTES = 1 << 20;

export async function openStore(root: string): Promise<Store> {
  const partial = join(root, "partial");
  await mkdir(partial, { recursive: true });
  await mkdir(join(root, "sha256"), { recursive: true });
  const pathOf = (digest: Digest) => join(root, "sha256", hexOf(digest).slice(0, 2), hexOf(digest));
  const derivedPath = (kind: string, key: Digest) => join(root, "derived", kind, hexOf(key));
  const partialPath = (name: string) => join(partial, `${name}.${process.pid}`);
  // Several stores of one root may be open in one process: a counter would make them meet.
  const temporary = () => partialPath(`write-${randomUUID()}`);

  const adopt = async (from: string, digest: Digest): Promise<void> => {
    await mkdir(join(root, "sha256", hexOf(digest).slice(0, 2)), { recursive: true });
    await rename(from, pathOf(digest));
  };

  const write = async (source: ByteSource, expected: StoredBlob | undefined): Promise<StoredBlob> => {
    const path = temporary();
    try {
      const blob = await writeHashed(path, source, expected?.sizeBytes);
      if (expected !== undefined) assertSame(blob, expected);
      await adopt(path, blob.digest);
      return blob;
    } catch (error) {
      await rm(path, { force: true });
      throw diskError(error, root);
    }
  };

  return {
    root,
    pathOf,
    partialPath,
    adopt,
    has: (digest) => exists(pathOf(digest)),
    add: (source) => write(source, undefined),
    put: async (source, expected) => {
      await write(source, expected);
    },
    read: (digest) => readVerified(pathOf(digest), digest),
    verify: async (digest) => {
      const path = pathOf(digest);
      assertUndamaged(path, (await hashFile(path)).digest, digest);
    },
    recall: async (kind, key) => {
      try {
        return JSON.parse(await readFile(derivedPath(kind, key), "utf8"));
      } catch (error) {
        if (isErrno(error, "ENOENT") || error instanceof SyntaxError) return undefined;
        throw error;
      }
    },
    remember: async (kind, key, value) => {
      const path = temporary();
      try {
        await writeHashed(path, [Buffer.from(canonicalJson(value))], undefined);
        await mkdir(join(root, "derived", kind), { recursive: true });
        await rename(path, derivedPath(kind, key));
      } catch (error) {
        await rm(path, { force: true });
        throw diskError(error, root);
      }
    },
  };
}

/** Throws SIZE_MISMATCH or DIGEST_MISMATCH (integrity). */
function assertSame(received: StoredBlob, expected: StoredBlob): void {
  if (received.sizeBytes !== expected.sizeBytes) {
    throw new AppError(
      { class: "integrity", code: "SIZE_MISMATCH" },
      `Cannot accept the bytes for ${expected.digest}: received ${received.sizeBytes} bytes, expected ${expected.sizeBytes}`,
      { fields: { expected: expected.sizeBytes, received: received.sizeBytes } },
    );
  }
  if (received.digest !== expected.digest) {
    throw new AppError(
      { class: "integrity", code: "DIGEST_MISMATCH" },
      `Cannot accept the bytes: received ${received.digest}, expected ${expected.digest}`,
      { fields: { expected: expected.digest, received: received.digest } },
    );
  }
}

async function writeHashed(
  path: string,
  source: ByteSource,
  limitBytes: number | undefined,
): Promise<StoredBlob> {
  const hasher = createHasher();
  const file = await open(path, "wx", 0o644);
  try {
    let total = 0;
    for await (const block of gather(source)) {
      total += block.length;
      if (limitBytes !== undefined && total > limitBytes) break;
      hasher.update(block);
      await writeAll(file, block);
    }
    return { ...hasher.finish(), sizeBytes: total };
  } finally {
    await file.close();
  }
}

/** Small chunks in one block, for a tar of small files has three to a file. A block is good until the next one is asked for. */
async function* gather(chunks: ByteSource): AsyncGenerator<Uint8Array> {
  const block = Buffer.allocUnsafe(BLOCK_BYTES);
  let filled = 0;
  for await (const chunk of chunks) {
    if (filled + chunk.length > block.length) {
      yield block.subarray(0, filled);
      filled = 0;
    }
    if (chunk.length > block.length) {
      yield chunk;
    } else {
      block.set(chunk, filled);
      filled += chunk.length;
    }
  }
  yield block.subarray(0, filled);
}

/** A write may take fewer bytes than asked on a full disk; the next one then fails with ENOSPC. */
async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  let offset = 0;
  while (offset < chunk.length) {
    const { bytesWritten } = await file.write(chunk, offset);
    offset += bytesWritten;
  }
}

async function* readVerified(path: string, digest: Digest): AsyncGenerator<Uint8Array> {
  const hasher = createHasher();
  const stream: AsyncIterable<Uint8Array> = createReadStream(path, { highWaterMark: READ_CHUNK_BYTES });
  for await (const chunk of stream) {
    hasher.update(chunk);
    yield chunk;
  }
  assertUndamaged(path, hasher.finish().digest, digest);
}

function assertUndamaged(path: string, received: Digest, expected: Digest): void {
  if (received === expected) return;
  throw new AppError(
    { class: "integrity", code: "STORE_DAMAGED" },
    `Cannot use "${path}": its bytes have ${received}, expected ${expected}`,
    {
      fields: { expected, received, path },
      hint: `Remove the file and run the command again: it is fetched or made anew`,
    },
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}

/** ENOSPC, EDQUOT and EROFS are the host's, not ours: preflight. */
export function diskError(error: unknown, path: string): unknown {
  for (const code of ["ENOSPC", "EDQUOT", "EROFS"]) {
    if (isErrno(error, code)) {
      return new AppError(
        { class: "preflight", code: "DISK_FULL" },
        `Cannot write below "${path}": ${code === "EROFS" ? "the file system is read-only" : "the disk is full"}`,
        {
          cause: error,
          hint: "Free some space, or name another folder; nothing half-written was left",
        },
      );
    }
  }
  return error;
}
