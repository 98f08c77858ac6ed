/** What must hold between what clients saw and what the log says, however often the gateway was killed. */
import { expect } from "vitest";
import type { LogVerdict, VerdictName } from "../../src/audit/verify/verdict.ts";
import type { Ask } from "./kill-crowd.ts";
import type { Logged, LogContents } from "./kill-log.ts";
import type { KillTally } from "./kill-rounds.ts";

export type Witnesses = { readonly asks: readonly Ask[]; readonly log: LogContents };

/** An answer that a client took for whole is in the log with the same text, and it is the text that was asked for. */
export function expectAnswersLogged({ asks, log }: Witnesses): void {
  const wrong = asks
    .filter(({ whole }) => whole)
    .flatMap((ask) => complaintsAbout(ask, log.requests.get(ask.nonce)));
  expect(wrong.slice(0, 5)).toEqual([]);
  expect(asks.some(({ whole }) => whole)).toBe(true);
}

function complaintsAbout(ask: Ask, logged: Logged | undefined): readonly string[] {
  const { nonce } = ask;
  if (ask.seen !== ask.expected) return [`${nonce}: the client saw another text`];
  if (logged === undefined) return [`${nonce}: answered and not in the log`];
  if (logged.answer !== ask.seen)
    return [`${nonce}: answered, the log says ${logged.endings.join()} ${logged.answer}`];
  if (logged.endings.join() !== "ok")
    return [`${nonce}: answered, and its ending is ${logged.endings.join()}`];
  return [];
}

/** No byte of an answer without a request in the log. */
export function expectRequestsLogged({ asks, log }: Witnesses): void {
  const unlogged = asks.filter(({ status, nonce }) => status === 200 && !log.requests.has(nonce));
  expect(unlogged).toEqual([]);
}

/** Mode strict: no token that a client saw is missing in the log, in answers that broke off as well. */
function expectTokensLogged({ asks, log }: Witnesses): void {
  const missing = asks
    .filter(({ status }) => status === 200)
    .filter(({ nonce, seen }) => !loggedText(log.requests.get(nonce)).startsWith(seen));
  expect(missing.slice(0, 5)).toEqual([]);
}

function loggedText(logged: Logged | undefined): string {
  if (logged === undefined) return "";
  return logged.answer === undefined || logged.answer === "" ? logged.parts : logged.answer;
}

/** No gap between a request and what became of it. */
function expectOneEndingEach({ log }: Pick<Witnesses, "log">): void {
  const odd = [...log.requests.values()].filter(({ endings }) => endings.length !== 1);
  expect(odd.slice(0, 5)).toEqual([]);
}

/** What a kill may leave: nothing to complain of, a record that was being written, requests that wait for an answer. */
const LEFT_BY_KILLS: readonly VerdictName[] = ["OK", "OK_UNANCHORED", "TORN_TAIL", "INCOMPLETE"];

export function expectKillsSurvived(tally: KillTally, mode: "request" | "strict"): void {
  expectAnswersLogged(tally);
  expectRequestsLogged(tally);
  expectOneEndingEach(tally);
  if (mode === "strict") expectTokensLogged(tally);
  expect(tally.afterKills.filter(({ verdict }) => !LEFT_BY_KILLS.includes(verdict))).toEqual([]);
  expectVerdict(tally.atTheEnd, "OK");
  // Otherwise nothing was tried: answers that came whole, that broke off, and several segments.
  expect(tally.asks.filter(({ whole }) => whole).length).toBeGreaterThan(tally.kills);
  expect(tally.asks.filter(({ whole, status }) => status === 200 && !whole).length).toBeGreaterThan(
    tally.kills,
  );
  expect(tally.log.segments).toBeGreaterThan(2);
}

export function expectVerdict(found: LogVerdict, verdict: VerdictName): void {
  expect(found.verdict, JSON.stringify(found.findings.slice(0, 5))).toBe(verdict);
}
