import type { Frontier } from "../tree/rfc6962.ts";
import type { Follower } from "./follow.ts";
import { signaturesOf, type Statement } from "./statements.ts";
import type { Findings, VerdictName } from "./verdict.ts";

export type RootCheck = {
  /** The tree has grown by a leaf of which the record is gone: retention has left its hash. */
  grownByTile(): void;
  /** The tree has grown by a record. */
  grown(): void;
  /** Verifier keys that have signed for trees of this log while they were its keys. */
  signers(): ReadonlySet<string>;
  /** Size of the newest tree that was signed and is the log's. */
  finish(nextSeq: number): number;
};

/** Holds every statement against the tree when it has its size. */
export function createRootCheck({
  statements,
  findings,
  follower,
  frontier,
}: {
  readonly statements: readonly Statement[];
  readonly findings: Findings;
  readonly follower: Follower;
  readonly frontier: Frontier;
}): RootCheck {
  let next = 0;
  let newest = 0;
  const signers = new Set<string>();
  /** Signed by no key that the log had named by then, or by another one as well. */
  const doubtful: Statement[] = [];
  /** Of trees that ended before the first record that is kept, and not of this one. */
  const others: Statement[] = [];

  function takeAll(judge: (one: Statement) => void): void {
    for (let one = statements[next]; one?.size === frontier.size(); one = statements[next]) {
      next += 1;
      judge(one);
    }
  }

  function judge(one: Statement): void {
    const current = follower.key();
    const { right, wrong, unknown } = signaturesOf(one, follower.keys());
    const isCurrent = current !== undefined && right.includes(current) && !unknown;
    // The record that named its key may stand in the other log alone; one from outside is believed by whoever brings it.
    const isBelieved = isCurrent || (right.length === 0 && !one.isOwn);
    if (wrong) report("MODIFIED", one, "has a wrong signature");
    else if (isBelieved && !isOurs(one))
      report("FORKED", one, `has signed another tree of ${one.size} records`);
    else if (!isCurrent) doubtful.push(one);
    else {
      newest = one.size;
      signers.add(current.vkey);
    }
  }

  function isOurs(one: Statement): boolean {
    return Buffer.compare(one.root, frontier.root()) === 0;
  }

  function judgeAtEnd(one: Statement): void {
    const { right, wrong, unknown } = signaturesOf(one, follower.keys());
    if (right.length === 0 || wrong || unknown) report("MODIFIED", one, "is signed by no key of the log");
    else report("KEY_RANGE", one, "is signed by a key that was not the log's then");
  }

  /** The record that named its key may be gone as well; one from outside is believed by whoever brings it. */
  function judgeOther(one: Statement): void {
    const { right } = signaturesOf(one, follower.keys());
    if (one.isOwn && right.length === 0) report("MODIFIED", one, "is not of the tree that the tiles have");
    else report("FORKED", one, `has signed another tree of ${one.size} records`);
  }

  function report(verdict: VerdictName, one: Statement, what: string): void {
    findings.add({ verdict, seq: Math.max(0, one.size - 1), what: `${one.from} ${what}` });
  }

  return {
    grownByTile: () =>
      takeAll((one) => {
        if (!isOurs(one)) others.push(one);
      }),
    grown: () => takeAll(judge),
    signers: () => signers,
    finish: (nextSeq) => {
      // Of a log that has lost its first record, nobody can say any more which key is its own.
      let isCut = follower.keys().length === 0;
      for (const one of statements.slice(next)) {
        const { right, wrong } = signaturesOf(one, follower.keys());
        isCut ||= right.length > 0 || !one.isOwn;
        // Where the end is known to be gone, the record that named the key of a later one may have gone with it.
        if (!isCut || wrong) doubtful.push(one);
        else
          findings.add({
            verdict: "TRUNCATED",
            seq: nextSeq,
            what: `${one.from} counts ${one.size} records, and there are ${nextSeq}`,
          });
      }
      doubtful.forEach(judgeAtEnd);
      others.forEach(judgeOther);
      return newest;
    },
  };
}
