/** Keeps the tree of what is on the disk: tiles, signed checkpoints, and what the witness says of them. */
import { truncate } from "node:fs/promises";
import { join } from "node:path";
import { AppError, isErrno } from "../../shared/errors.ts";
import { CHECKPOINTS_FILE, treeFolder } from "../layout.ts";
import { appendCheckpoint } from "../notes/checkpoint-file.ts";
import { formatCheckpoint, parseCheckpoint } from "../notes/checkpoint.ts";
import { keyChangeMessage } from "../notes/key-change.ts";
import { readNewestNote } from "../notes/newest-checkpoint.ts";
import { parseNote, signatureLine, signNote } from "../notes/signed-note.ts";
import { proveConsistency, readFrontier } from "../tree/rfc6962.ts";
import { openTileStore } from "../tree/tile-store.ts";
import type { AskWitness, WitnessReply } from "./ask-witness.ts";
import { damaged, type Found } from "./recover.ts";
import type { SigningKeys } from "./signing-keys.ts";
import type { Writer } from "./writer.ts";

export type TreeKeeper = {
  /** Of the newest checkpoint while nothing was added; later of everything durable. */
  size(): number;
  /** What recovery found after the newest checkpoint. Throws AppError LOG_DAMAGED (integrity) where that is not all there was. */
  add(found: Found): void;
  attach(writer: Writer): void;
  grow(leaves: readonly Uint8Array[]): void;
  /** Throws AppError LOG_ROLLED_BACK, LOG_FORKED (integrity) where the witness has seen more than there is, or another log. */
  checkpoint(): Promise<void>;
  /** What a timer asks. Errors close nothing: they come again at the next checkpoint that somebody waits for. */
  checkpointIfDue(onError: (error: unknown) => void): void;
  renewSigningKey(): Promise<string>;
  checkpointSize(): number;
  cosignedSize(): number;
};

export type TreeDeps = { readonly keys: SigningKeys; readonly askWitness?: AskWitness };

/** A checkpoint is due with so many records, or when the oldest of them is so old. */
const RECORDS = 64;
const AGE_MS = 5_000;

export async function openTree(
  { folder, origin }: { readonly folder: string; readonly origin: string },
  { keys, askWitness }: TreeDeps,
): Promise<TreeKeeper> {
  const tiles = openTileStore(treeFolder(folder));
  const newest = await lastCheckpoint(folder);
  const frontier = await readFrontier(newest.size, tiles.reader(newest.size));
  if (newest.root !== undefined && Buffer.compare(frontier.root(), newest.root) !== 0)
    throw damaged(CHECKPOINTS_FILE, "its last checkpoint is not of the tree that the tiles hold");

  let waiting: Uint8Array[] = [];
  let waitingSince = 0;
  let checkpointed = newest.size;
  let cosigned = 0;
  let witnessed: number | undefined;
  let witnessState: WitnessReply["kind"] | undefined;
  let writer: Writer | undefined;
  let last: Promise<void> = Promise.resolve();
  let queued = 0;

  function grow(leaves: readonly Uint8Array[]): void {
    if (waiting.length === 0) waitingSince = performance.now();
    for (const leaf of leaves) {
      frontier.push(leaf);
      waiting.push(leaf);
    }
  }

  async function write(): Promise<void> {
    const size = frontier.size();
    const isCosigned = askWitness === undefined || cosigned >= size;
    if (size === checkpointed && isCosigned) return;
    const text = formatCheckpoint({ origin, size, root: frontier.root() });
    const leaves = waiting;
    waiting = [];
    try {
      await tiles.grow(size - leaves.length, leaves);
    } catch (error) {
      waiting = [...leaves, ...waiting];
      throw error;
    }
    const signed = sign(text);
    const line = await cosignature(size, signed);
    await appendCheckpoint(folder, `${signed}${line}`);
    checkpointed = size;
    // Until the witness has seen both signatures, it knows the old key alone.
    if (askWitness === undefined || cosigned === size) await keys.retire();
  }

  function sign(text: string): string {
    const signed = signNote(text, keys.current());
    const retiring = keys.retiring();
    return retiring === undefined
      ? signed
      : `${signed}${signatureLine(retiring, retiring.sign(Buffer.from(text)))}`;
  }

  async function cosignature(size: number, note: string): Promise<string> {
    if (askWitness === undefined) return "";
    const asked = await ask(askWitness, size, note);
    if (asked.kind === "disowned") {
      tell(asked);
      throw forked(folder, asked.why);
    }
    const isOdd = asked.kind === "cosigned" && !isSignatureOf(note, asked.line);
    const reply: WitnessReply = isOdd ? { kind: "refused", why: "its answer is no signature" } : asked;
    if (reply.kind === "cosigned") {
      cosigned = size;
      witnessed = size;
    }
    tell(reply);
    return reply.kind === "cosigned" ? reply.line : "";
  }

  /** Asked once more where it tells what it saw last, and that is not more than we have. */
  async function ask(askIt: AskWitness, size: number, note: string): Promise<WitnessReply> {
    const first = await askIt(
      { old: witnessed ?? 0, proof: await proof(witnessed ?? 0, size), note },
      keys.current().vkey,
    );
    if (first.kind !== "conflict") return first;
    if (first.size > size) throw rolledBack(folder, size, first.size);
    witnessed = first.size;
    return await askIt({ old: first.size, proof: await proof(first.size, size), note }, keys.current().vkey);
  }

  async function proof(old: number, size: number): Promise<readonly Uint8Array[]> {
    return old === 0 ? [] : await proveConsistency(old, size, tiles.reader(size));
  }

  /** Once for each change, so that a witness that stays away does not fill the log. */
  function tell(reply: WitnessReply): void {
    if (reply.kind === witnessState) return;
    const isFirst = witnessState === undefined && reply.kind === "cosigned";
    witnessState = reply.kind;
    if (isFirst || writer?.state().kind !== "open") return;
    const state = reply.kind === "cosigned" ? "reached" : reply.kind === "unreachable" ? "lost" : "refused";
    const detail = "why" in reply ? reply.why.slice(0, 200) : "";
    writer.append({ type: "witness", state, detail });
  }

  /** One after the other: whoever comes while one is written waits for the next, as the running one may not have theirs. */
  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    queued += 1;
    const turn = last.then(work).finally(() => {
      queued -= 1;
    });
    last = turn.then(
      () => undefined,
      () => undefined,
    );
    return await turn;
  }

  async function checkpoint(): Promise<void> {
    await inTurn(write);
  }

  /** Between the record that names the next key and the first checkpoint that it signs, no other one signs any. */
  async function renewSigningKey(): Promise<string> {
    await write();
    if (askWitness !== undefined && witnessState !== "cosigned") throw witnessAway();
    const before = keys.current();
    const after = await keys.replace(async (next) => {
      const signature = Buffer.from(before.sign(keyChangeMessage(origin, before.vkey, next.vkey))).toString(
        "base64",
      );
      await writer?.append({ type: "key", key: next.vkey, previous: before.vkey, signature }).durable;
    });
    await write();
    return after.vkey;
  }

  return {
    size: () => frontier.size(),
    add: ({ nextSeq, leaves }) => {
      if (nextSeq < newest.size)
        throw damaged(
          "the newest",
          `the log ends before record ${nextSeq}, but a checkpoint of ${newest.size} records was signed`,
        );
      grow(leaves);
    },
    attach: (one) => {
      writer = one;
    },
    grow,
    checkpoint,
    checkpointIfDue: (onError) => {
      const isDue =
        waiting.length >= RECORDS || (waiting.length > 0 && performance.now() - waitingSince >= AGE_MS);
      if (isDue && queued === 0) checkpoint().catch(onError);
    },
    renewSigningKey: async () => await inTurn(renewSigningKey),
    checkpointSize: () => checkpointed,
    cosignedSize: () => cosigned,
  };
}

/** What a crash left of a note that was never acknowledged is cut off. */
async function lastCheckpoint(
  folder: string,
): Promise<{ readonly size: number; readonly root?: Uint8Array }> {
  const { note, endBytes } = await readNewestNote(folder);
  await truncate(join(folder, CHECKPOINTS_FILE), endBytes).catch((error: unknown) => {
    if (!isErrno(error, "ENOENT")) throw error;
  });
  return note === undefined ? { size: 0 } : parseCheckpoint(parseNote(note).text);
}

/** What the witness gave is a signature and nothing else: it goes into the file of checkpoints. */
function isSignatureOf(note: string, line: string): boolean {
  try {
    return parseNote(`${note}${line}`).text === parseNote(note).text;
  } catch (error) {
    if (error instanceof AppError) return false;
    throw error;
  }
}

function witnessAway(): AppError {
  return new AppError(
    { class: "preflight", code: "WITNESS_AWAY" },
    "Cannot hand over to a new signing key: the witness has to see the checkpoint that both keys sign, and does not answer",
    { hint: "Start the witness, and try again" },
  );
}

function forked(folder: string, why: string): AppError {
  return new AppError(
    { class: "integrity", code: "LOG_FORKED" },
    `Cannot go on writing the log in "${folder}": the witness has seen another log of this name (${why})`,
    {
      fields: { path: folder },
      hint: "`cloister log verify` with the witness's head says where they part",
    },
  );
}

function rolledBack(folder: string, size: number, witnessed: number): AppError {
  return new AppError(
    { class: "integrity", code: "LOG_ROLLED_BACK" },
    `Cannot go on writing the log in "${folder}": it has ${size} records, expected at least the ${witnessed} that the witness has seen`,
    {
      fields: { path: folder, records: size, witnessed },
      hint: "`cloister log verify` says what is missing",
    },
  );
}
