/** Whether a log is what it was: from its files alone, and from what its reader holds outside of it. */
import { readCheckpointNotes } from "../notes/checkpoint-file.ts";
import type { Verifier } from "../notes/keys.ts";
import { firstLine, listSegments } from "../segments.ts";
import { treeFolder, type SegmentFile } from "../layout.ts";
import { isLedgerLine, parseLedgerLine } from "../line.ts";
import { openTileStore } from "../tree/tile-store.ts";
import { readLogIdentity } from "../write/log-file.ts";
import { AppError } from "../../shared/errors.ts";
import { createFollower, type Follower } from "./follow.ts";
import { createLineReader } from "./read-lines.ts";
import { createRootCheck } from "./root-check.ts";
import { cosignatureBy, readStatements, type NoteSource, type Statement } from "./statements.ts";
import { compareWithTiles, frontierBefore, judgeBreaks, leafBefore } from "./tile-check.ts";
import { createFindings, type Findings, type LogVerdict } from "./verdict.ts";

export type VerifyOptions = {
  /** Checkpoints that were kept elsewhere. */
  readonly anchors?: readonly NoteSource[];
  /** The witness's key, and the newest note that it has cosigned where that is known. */
  readonly witness?: { readonly key: Verifier; readonly head?: string };
  /** The key that the log must begin with. */
  readonly logKey?: Verifier;
  /** Somebody writes it at this moment: requests may be under way, and the last line may be half there. */
  readonly live?: boolean;
};

/**
 * Reads every byte once; what it keeps meanwhile does not grow with the log but by its checkpoints. Throws AppError LOG_UNKNOWN
 * (integrity) where there is no log, and what the file system says of a file that cannot be read: then there is no verdict.
 */
export async function verifyLog(folder: string, options: VerifyOptions = {}): Promise<LogVerdict> {
  const identity = await readLogIdentity(folder);
  if (identity === undefined) throw noLog(folder);
  const findings = createFindings();
  // Before the records: of a log that grows meanwhile, all that these speak of is there.
  const { statements, broken } = readStatements(await sourcesOf(folder, options));
  for (const what of broken) findings.add({ verdict: "MODIFIED", what });
  const follower = createFollower(findings, options.logKey);
  const tiles = openTileStore(treeFolder(folder));
  const segments = await listSegments(folder);
  const first = await firstSeq(folder, segments[0]);
  const frontier = await frontierBefore(first, tiles, findings);
  const roots = createRootCheck({
    statements: statements.filter(({ origin }) => origin === identity.origin),
    findings,
    follower,
    frontier,
  });
  for (const { from, origin } of statements)
    if (origin !== identity.origin)
      findings.add({ verdict: "FORKED", what: `${from} is of another log, ${origin}` });

  const tiled = Math.max(0, ...statements.filter(({ from }) => from === CHECKPOINTS).map(({ size }) => size));
  let leaves: { readonly seq: number; readonly leaf: Uint8Array }[] = [];
  let breaks: number[] = [];
  const reader = createLineReader({
    findings,
    onRecord: (record, leaf) => {
      follower.record(record);
      frontier.push(leaf);
      roots.grown();
    },
    onPlaced: (seq, leaf) => leaves.push({ seq, leaf }),
    onTombstone: (seq, by) => follower.tombstone(seq, by),
    onBreak: (seq) => breaks.push(seq),
  });
  reader.begin(first, await leafBefore(first, tiles));
  for (const [index, segment] of segments.entries()) {
    await reader.read(folder, segment, {
      isLast: index === segments.length - 1,
      isLive: options.live === true,
    });
    const others = await compareWithTiles(leaves, { tiles, findings, size: tiled });
    judgeBreaks(breaks, others, findings);
    leaves = [];
    breaks = [];
  }
  follower.finish();
  // A run that was just recorded may not have deleted all of it yet.
  if (first > follower.minimum())
    findings.add({
      verdict: "MODIFIED",
      seq: 0,
      what: `records before ${first} are gone, and no retention run says so`,
    });
  const newest = roots.finish(reader.nextSeq());
  const unanchored = Math.max(0, reader.nextSeq() - newest);
  if (unanchored > 0)
    findings.add({
      verdict: "OK_UNANCHORED",
      seq: newest,
      what: `${unanchored} records came after the newest checkpoint`,
    });
  if (options.live !== true) addIncomplete(follower, findings);
  if (follower.purged() > 0)
    findings.add({
      verdict: "PURGED",
      what: `the text of ${follower.purged()} records was removed with authority`,
    });
  const cosigned = countCosigned(statements, options, findings);
  const worst = findings.worst();
  return {
    verdict: worst?.verdict ?? "OK",
    ...(worst?.seq === undefined ? {} : { seq: worst.seq }),
    findings: findings.list(),
    more: findings.more(),
    origin: identity.origin,
    records: reader.nextSeq() - first,
    minimum: first,
    payloads: reader.payloads(),
    purged: follower.purged(),
    unanchored,
    checkpoints: statements.filter(({ from }) => from === CHECKPOINTS).length,
    cosigned,
    anchors: statements.filter(({ from }) => from !== CHECKPOINTS).length,
    inFlight: follower.pending().size,
    bytes: reader.bytes(),
  };
}

const CHECKPOINTS = "checkpoints";

async function sourcesOf(
  folder: string,
  { anchors = [], witness }: VerifyOptions,
): Promise<readonly NoteSource[]> {
  const own = (await readCheckpointNotes(folder)).map((text) => ({ from: CHECKPOINTS, text }));
  const head = witness?.head === undefined ? [] : [{ from: "the witness", text: witness.head }];
  return [...own, ...anchors, ...head];
}

/** Of the oldest segment that is there; 0 where none is, or where its first line cannot be read. */
async function firstSeq(folder: string, segment: SegmentFile | undefined): Promise<number> {
  if (segment === undefined) return 0;
  try {
    const line = await firstLine(folder, segment);
    if (line === undefined || !isLedgerLine(line)) return 0;
    const first = parseLedgerLine(line);
    return first.type === "open" ? first.seq : 0;
  } catch (error) {
    if (error instanceof AppError || isZlib(error)) return 0;
    throw error;
  }
}

function isZlib(error: unknown): boolean {
  return error instanceof Error && "code" in error && /^(?:ZSTD|Z_)/.test(String(error.code));
}

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
