/** Opens a log for writing: takes the folder, looks at what lies there, mends its end, and begins a segment. */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Server } from "node:http";
import { messageOf, type AppError } from "../../shared/errors.ts";
import { syncPath } from "../../shared/file.ts";
import type { AuditLog } from "../audit-log.ts";
import { dayTeller } from "../day.ts";
import { anchorsFolder, keysFolder, ledgerFolder, segmentPath, treeFolder } from "../layout.ts";
import type { ContentMode, LoggedConfig } from "../record.ts";
import { createSealer } from "../seal.ts";
import { listSegments } from "../segments.ts";
import { compressSegment } from "./compress-segment.ts";
import { takeLog } from "./lock.ts";
import { readOrMakeLogIdentity } from "./log-file.ts";
import { damaged, recover, type Found } from "./recover.ts";
import { continueSegmentFile } from "./segment-file.ts";
import type { AskWitness } from "./ask-witness.ts";
import { openSigningKeys } from "./signing-keys.ts";
import { openTree, type TreeKeeper } from "./tree-keeper.ts";
import { unwritable } from "./unwritable.ts";
import { createWriter, type Writer } from "./writer.ts";

export type OpenLogOptions = {
  readonly folder: string;
  readonly content: ContentMode;
  readonly recipients: readonly string[];
  readonly zone: string;
  readonly maxSegmentBytes: number;
  /** PEM file of the key that signs checkpoints, made where it is missing. */
  readonly signingKey: string;
  /** Number of records that must be there: somebody was told so. */
  readonly atLeast?: number;
  /** Written after the first record; absent for a verb that only maintains. */
  readonly config?: LoggedConfig;
};

export type OpenLogDeps = {
  readonly askWitness?: AskWitness;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** The log closed by itself: nothing is written from here on. */
  readonly onClosed?: (why: AppError) => void;
  /** Compressing a sealed segment failed, or the witness changed its mind about us: nothing is lost. */
  readonly onNote?: (text: string) => void;
};

export type OpenedLog = {
  readonly log: AuditLog;
  /** Listens on writer.sock; what it answers is its owner's to say. */
  readonly server: Server;
};

const TICK_MS = 1_000;

/**
 * Throws AppError LOG_BUSY (preflight); LOG_DAMAGED, LOG_UNKNOWN, LOG_ROLLED_BACK, LOG_FORKED (integrity); ZONE_UNKNOWN, RECIPIENT_INVALID
 * (usage); LOG_UNWRITABLE (engine).
 */
export async function openLog(options: OpenLogOptions, deps: OpenLogDeps = {}): Promise<OpenedLog> {
  const { folder } = options;
  const now = deps.now ?? Date.now;
  const dayOf = dayTeller(options.zone);
  const today = (): string => dayOf(now());
  const sealer = createSealer({ ...options, today });
  await makeFolders(folder);
  const lock = await takeLog(folder);
  let leave = async (): Promise<void> => await lock.release();
  try {
    await removeTemporaries(folder);
    const { origin } = await readOrMakeLogIdentity(folder);
    // A checkpoint's key is named like its origin: C2SP tlog-checkpoint.
    const keys = await openSigningKeys(options.signingKey, origin);
    const tree = await openTree({ folder, origin }, { ...deps, keys });
    const found = await recover(folder, tree.size());
    if (found.nextSeq < (options.atLeast ?? 0))
      throw damaged("the newest", "records that were acknowledged are gone");
    tree.add(found);
    await keys.settle(found.key);
    let maintenance: Promise<unknown> = Promise.resolve();

    async function exclusively<T>(work: () => Promise<T>): Promise<T> {
      const turn = maintenance.then(work, work);
      maintenance = turn.catch(() => undefined);
      return await turn;
    }

    function compressLater(name: string): void {
      exclusively(async () => compressSegment(folder, name)).catch((error: unknown) =>
        deps.onNote?.(messageOf(error)),
      );
    }

    const writer = createWriter(
      await startOf(folder, found),
      { log: folder, origin, maxSegmentBytes: options.maxSegmentBytes },
      {
        now,
        mono: () => performance.now(),
        today,
        key: () => keys.current().vkey,
        assertHeld: () => {
          if (!lock.isHeld()) throw new Error("another process took writer.sock away");
        },
        onDurable: (leaves) => tree.grow(leaves),
        onSealed: compressLater,
        onClosed: (why) => deps.onClosed?.(why),
      },
    );
    leave = async () => {
      try {
        await maintenance;
      } finally {
        await writer.closeFile();
        await lock.release();
      }
    };
    tree.attach(writer);
    await begin(writer, { found, options });
    await compressLeftOver(folder, writer, compressLater);
    await tree.checkpoint();
    const timer = setInterval(() => tick(writer, tree, deps), TICK_MS);
    timer.unref();
    const log: AuditLog = {
      folder,
      contentKey: async (owner) =>
        await sealer.key(owner).catch((error: unknown) => Promise.reject(unwritable(error, "its keys"))),
      append: (entry, content) => writer.append(entry, content),
      pendingBytes: () => writer.pendingBytes(),
      state: () => writer.state(),
      status: () => ({
        segment: writer.segment() ?? "",
        nextSeq: writer.nextSeq(),
        durableSeq: writer.durableSeq(),
        checkpointSize: tree.checkpointSize(),
        cosignedSize: tree.cosignedSize(),
      }),
      checkpoint: async () => {
        await writer.drain();
        await tree.checkpoint();
      },
      rotate: async (reason) => {
        const name = writer.seal(reason);
        writer.begin("rotation");
        await writer.drain();
        await tree.checkpoint();
        return name;
      },
      exclusively,
      dropKeys: async (day, ids) => await sealer.dropKeys(day, ids),
      renewSigningKey: async () => await tree.renewSigningKey(),
      close: async () => {
        clearInterval(timer);
        try {
          if (writer.state().kind === "open") {
            writer.append({ type: "stop" });
            writer.seal("stop");
            await writer.drain();
            await tree.checkpoint();
          }
        } finally {
          await leave();
        }
      },
    };
    return { log, server: lock.server };
  } catch (error) {
    // Whoever tries again finds no file of ours open, and nothing of ours at work.
    await leave();
    throw error;
  }
}

function tick(writer: Writer, tree: TreeKeeper, { onNote }: OpenLogDeps): void {
  if (writer.state().kind === "closed") return;
  writer.rotateIfDue();
  tree.checkpointIfDue((error) => onNote?.(messageOf(error)));
}

async function startOf(folder: string, found: Found) {
  const { nextSeq, prev, pending, last } = found;
  const start = { nextSeq, prev, pending };
  if (last === undefined) return start;
  const newest = { day: last.day, number: last.number };
  if (last.sealed || last.compressed) return { ...start, newest };
  // Every segment begins with its own record: where that never came, nothing was acknowledged, and the next one begins instead.
  if (last.records === 0) {
    await rm(segmentPath(folder, last.name));
    await syncPath(ledgerFolder(folder));
    return { ...start, newest };
  }
  const file = await continueSegmentFile(segmentPath(folder, last.name), last.bytes);
  return { ...start, newest, unsealed: { ...last, file } };
}

/** Ends what the last writer could not end, then begins. */
async function begin(
  writer: Writer,
  { found, options }: { readonly found: Found; readonly options: OpenLogOptions },
): Promise<void> {
  const { last, torn, pending } = found;
  if (writer.segment() === undefined) writer.begin("start");
  if (torn !== undefined) writer.append({ type: "recover", segment: last?.name ?? "", ...torn });
  for (const [req, id] of pending) writer.append({ type: "abandon", id, req });
  if (last !== undefined && writer.segment() === last.name) {
    writer.seal("recovery");
    writer.begin("start");
  }
  if (options.config !== undefined) writer.append({ type: "config", config: options.config });
  await writer.drain();
}

async function compressLeftOver(
  folder: string,
  writer: Writer,
  compress: (name: string) => void,
): Promise<void> {
  for (const { name, compressed } of await listSegments(folder))
    if (!compressed && name !== writer.segment()) compress(name);
}

async function makeFolders(folder: string): Promise<void> {
  for (const one of [
    folder,
    ledgerFolder(folder),
    keysFolder(folder),
    treeFolder(folder),
    anchorsFolder(folder),
  ])
    await mkdir(one, { recursive: true, mode: 0o700 });
}

/** What a process that was killed had not yet put in its place. It may hold what purge has removed since. */
async function removeTemporaries(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile() && /\.part-\d+$/.test(entry.name))
      await rm(join(entry.parentPath, entry.name), { force: true });
}
