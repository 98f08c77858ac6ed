/** Whether a log is what it was: from its files alone, and from what its reader holds outside of it. */
import { join } from "node:path";
import { readCheckpointNotes } from "../notes/checkpoint-file.ts";
import type { Verifier } from "../notes/keys.ts";
import { listSegments } from "../segments.ts";
import { CHECKPOINTS_FILE, ledgerFolder, LOG_FILE, treeFolder } from "../layout.ts";
import { storedPath } from "../stored-segment.ts";
import { createFrontier } from "../tree/rfc6962.ts";
import { openTileStore } from "../tree/tile-store.ts";
import { TILE_WIDTH } from "../tree/tiles.ts";
import { readLogIdentity } from "../write/log-file.ts";
import { AppError } from "../../shared/errors.ts";
import { firstSeqOf } from "./first-seq.ts";
import { createFollower, type Follower } from "./follow.ts";
import { createLineReader } from "./read-lines.ts";
import { reading, readingFile } from "./reading.ts";
import { createRemovals } from "./removals.ts";
import { createRootCheck, type RootCheck } from "./root-check.ts";
import { cosignatureBy, readStatements, type NoteSource, type Statement } from "./statements.ts";
import { createTileCheck, judgeBreaks, type PlacedLeaf } from "./tile-check.ts";
import { createFindings, type Findings, type LogVerdict } from "./verdict.ts";

/** So many leaves are remembered before they are compared with the tree: its tiles are read once each, and not at every pause. */
const LEAVES_AT_ONCE = 2 * TILE_WIDTH;

export type VerifyOptions = {
  /** Checkpoints that were kept elsewhere. */
  readonly anchors?: readonly NoteSource[];
  /** The witness's key, and the newest note that it has cosigned where that is known. */
  readonly witness?: { readonly key: Verifier; readonly head?: string };
  /** The key that the log must begin with, or have signed with while it was the log's. */
  readonly logKey?: Verifier;
  /** Somebody writes it at this moment: requests may be under way, and the last line may be half there. */
  readonly live?: boolean;
};

/**
 * Reads every byte once; what it keeps meanwhile does not grow with the log but by its checkpoints. Throws AppError LOG_UNKNOWN
 * (integrity) where there is no log, and LOG_UNREADABLE (inconclusive) where a file of it cannot be read: then there is no verdict.
 */
export async function verifyLog(folder: string, options: VerifyOptions = {}): Promise<LogVerdict> {
  const identity = await reading(folder, join(folder, LOG_FILE), async () => await readLogIdentity(folder));
  if (identity === undefined) throw noLog(folder);
  const { origin } = identity;
  const findings = createFindings();
  // Before the records: of a log that grows meanwhile, all that these speak of is there.
  const notes = await readingFile(
    folder,
    join(folder, CHECKPOINTS_FILE),
    async () => await readCheckpointNotes(folder),
  );
  const { statements, broken } = readStatements(notes, outsideOf(options));
  for (const what of broken) findings.add({ verdict: "MODIFIED", what });
  const ours = ofThisLog(statements, origin, findings);
  const segments = await reading(folder, ledgerFolder(folder), async () => await listSegments(folder));
  const [oldest] = segments;
  const first =
    oldest === undefined
      ? 0
      : await readingFile(folder, storedPath(folder, oldest), async () => await firstSeqOf(folder, oldest));
  const tiles = createTileCheck({
    tiles: openTileStore(treeFolder(folder)),
    findings,
    size: ours.findLast(({ isOwn }) => isOwn)?.size ?? 0,
  });
  const follower = createFollower(findings, origin);
  const removals = createRemovals(findings);
  const frontier = createFrontier();
  const roots = createRootCheck({ statements: ours, findings, follower, frontier });
  roots.grownByTile();
  await tiles.leavesBefore(first, (leaf) => {
    frontier.push(leaf);
    roots.grownByTile();
  });

  let records = 0;
  let leaves: PlacedLeaf[] = [];
  let breaks: number[] = [];
  const reader = createLineReader({
    findings,
    onRecord: (record) => {
      follower.record(record);
      removals.record(record);
    },
    onLeaf: (leaf) => {
      records += 1;
      frontier.push(leaf);
      roots.grown();
    },
    onPlaced: (seq, leaf) => leaves.push({ seq, leaf }),
    onTombstone: (seq, by) => removals.tombstone(seq, by),
    onBreak: (seq) => breaks.push(seq),
    onPause: async () => {
      if (leaves.length >= LEAVES_AT_ONCE) await settle();
    },
  });

  async function settle(): Promise<void> {
    if (leaves.length === 0) return;
    judgeBreaks(breaks, await tiles.compare(leaves), findings);
    leaves = [];
    breaks = [];
  }

  reader.begin(first, await tiles.lastBefore(first));
  for (const [index, segment] of segments.entries()) {
    const place = { isLast: index === segments.length - 1, isLive: options.live === true };
    await readingFile(
      folder,
      storedPath(folder, segment),
      async () => await reader.read(folder, segment, place),
    );
    await settle();
  }
  await tiles.compareLevels();
  const nextSeq = reader.nextSeq();
  const newest = roots.finish(nextSeq);
  removals.finish({ nextSeq, attested: ours.at(-1)?.size ?? 0 });
  if (records === 0 && options.live !== true)
    findings.add({ verdict: "TRUNCATED", seq: 0, what: "not even the first record of the log is there" });
  // A run that was just recorded may not have deleted all of it yet.
  if (first > follower.minimum())
    findings.add({
      verdict: "MODIFIED",
      seq: follower.minimum(),
      what: `records before ${first} are gone, and no retention run says so`,
    });
  checkTrust(options.logKey, { follower, roots, findings, first });
  const unanchored = Math.max(0, nextSeq - newest);
  if (unanchored > 0)
    findings.add({
      verdict: "OK_UNANCHORED",
      seq: newest,
      what: `${unanchored} records came after the newest checkpoint`,
    });
  if (options.live !== true) addIncomplete(follower, findings);
  if (removals.purged() > 0)
    findings.add({
      verdict: "PURGED",
      what: `the text of ${removals.purged()} records was removed with authority`,
    });
  const cosigned = countCosigned(ours, options, findings);
  const worst = findings.worst();
  return {
    verdict: worst?.verdict ?? "OK",
    ...(worst?.seq === undefined ? {} : { seq: worst.seq }),
    findings: findings.list(),
    more: findings.more(),
    origin,
    records,
    minimum: first,
    payloads: reader.payloads(),
    purged: removals.purged(),
    unanchored,
    checkpoints: statements.filter(({ isOwn }) => isOwn).length,
    cosigned,
    anchors: statements.filter(({ isOwn }) => !isOwn).length,
    inFlight: follower.pending().size,
    bytes: reader.bytes(),
  };
}

function outsideOf({ anchors = [], witness }: VerifyOptions): readonly NoteSource[] {
  const head = witness?.head === undefined ? [] : [{ from: "the witness", text: witness.head }];
  return [...anchors, ...head];
}

function ofThisLog(
  statements: readonly Statement[],
  origin: string,
  findings: Findings,
): readonly Statement[] {
  for (const one of statements)
    if (one.origin !== origin)
      findings.add({
        verdict: one.isOwn ? "MODIFIED" : "FORKED",
        what: `${one.from} is of another log, ${JSON.stringify(one.origin)}`,
      });
  return statements.filter((one) => one.origin === origin);
}

/**
 * That a log names the key that its reader knows proves nothing where retention has taken the record that it began with: then that
 * key must have signed for what is there.
 */
function checkTrust(trusted: Verifier | undefined, { follower, roots, findings, first }: Trust): void {
  const [begun] = follower.keys();
  if (trusted === undefined || begun === undefined) return;
  const isTrusted = begun.vkey === trusted.vkey || roots.signers().has(trusted.vkey);
  if (!isTrusted)
    findings.add({
      verdict: "KEY_RANGE",
      seq: first,
      what: "the log begins with another key than the one you trust, which has signed nothing in it",
    });
}

type Trust = {
  readonly follower: Follower;
  readonly roots: RootCheck;
  readonly findings: Findings;
  readonly first: number;
};

function addIncomplete(follower: Follower, findings: Findings): void {
  const [first] = follower.pending().keys();
  if (first === undefined) return;
  findings.add({
    verdict: "INCOMPLETE",
    seq: first,
    what: `${follower.pending().size} requests have no answer in the log`,
  });
}

function countCosigned(
  statements: readonly Statement[],
  { witness }: VerifyOptions,
  findings: Findings,
): number {
  if (witness === undefined) return 0;
  const judged = statements.map((one) => ({ one, is: cosignatureBy(one, witness.key) }));
  for (const { one, is } of judged)
    if (is === "wrong")
      findings.add({ verdict: "MODIFIED", seq: one.size - 1, what: `${one.from} has a wrong cosignature` });
  return judged.filter(({ is }) => is === "right").length;
}

function noLog(folder: string): AppError {
  return new AppError(
    { class: "integrity", code: "LOG_UNKNOWN" },
    `Cannot verify "${folder}": there is no log`,
    { fields: { path: folder } },
  );
}
