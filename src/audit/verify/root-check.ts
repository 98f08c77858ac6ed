import type { Frontier } from "../tree/rfc6962.ts";
import type { Follower } from "./follow.ts";
import { signerAmong, type Statement } from "./statements.ts";
import type { Findings } from "./verdict.ts";

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
}) {
  let next = 0;
  let newest = 0;
  /** Signed by no key that the log had named by then. */
  const unsigned: Statement[] = [];

  function skipTo(size: number): void {
    for (let one = statements[next]; one !== undefined && one.size < size; one = statements[next]) next += 1;
  }

  function compareAll(): void {
    for (let one = statements[next]; one?.size === frontier.size(); one = statements[next]) {
      next += 1;
      const current = follower.key();
      if (current === undefined || signerAmong(one, [current]) === undefined) unsigned.push(one);
      else if (Buffer.compare(one.root, frontier.root()) !== 0)
        findings.add({
          verdict: "FORKED",
          seq: one.size - 1,
          what: `${one.from} has signed another tree of ${one.size} records`,
        });
      else newest = one.size;
    }
  }

  // Trees that ended before what is still there cannot be compared leaf by leaf; later ones contain them.
  skipTo(frontier.size());

  return {
    grown: compareAll,
    /** Size of the newest tree that was signed and is the log's. */
    finish: (nextSeq: number): number => {
      for (const one of statements.slice(next)) {
        // Of a log that has lost its first record, nobody can say any more which key is its own.
        const isOurs = follower.keys().length === 0 || signerAmong(one, follower.keys()) !== undefined;
        if (!isOurs) unsigned.push(one);
        else
          findings.add({
            verdict: "TRUNCATED",
            seq: nextSeq,
            what: `${one.from} counts ${one.size} records, and there are ${nextSeq}`,
          });
      }
      for (const one of unsigned) {
        const isOurs = signerAmong(one, follower.keys()) !== undefined;
        if (isOurs)
          findings.add({
            verdict: "KEY_RANGE",
            seq: one.size - 1,
            what: `${one.from} is signed by a key that was not the log's then`,
          });
        else
          findings.add({
            verdict: "MODIFIED",
            seq: one.size - 1,
            what: `${one.from} is signed by no key of the log`,
          });
      }
      return newest;
    },
  };
}
