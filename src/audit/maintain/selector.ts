/** Which records a purge or a hold means: their own, or by the request that they belong to. */
import { AppError } from "../../shared/errors.ts";
import type { LedgerRecord, Selector } from "../record.ts";

/** Asked about records in their order, each one once: what belongs to a request is known by its number. */
export type Matcher = (record: LedgerRecord) => boolean;

export function createMatcher(selector: Selector): Matcher {
  switch (selector.by) {
    case "seq":
      return ({ seq }) => seq >= selector.first && seq <= selector.last;
    case "before":
      return ({ ts }) => ts < selector.before;
    case "user":
      return byRequest((record) => record.type === "req" && record.who.user === selector.user);
    case "conversation":
      return byRequest(
        (record) => record.type === "req" && record.who.conversation === selector.conversation,
      );
  }
}

function byRequest(isWanted: Matcher): Matcher {
  const requests = new Set<number>();
  return (record) => {
    if (record.type === "part" || record.type === "res") return requests.has(record.req);
    if (!isWanted(record)) return false;
    requests.add(record.seq);
    return true;
  };
}

/** Throws AppError SELECTOR_INVALID (usage). */
export function assertSelector(selector: Selector): Selector {
  switch (selector.by) {
    case "user":
      return assertPseudonym(selector, selector.user);
    case "conversation":
      return assertPseudonym(selector, selector.conversation);
    case "seq":
      if (!(selector.first >= 0 && selector.first <= selector.last))
        throw invalid(`${selector.first}-${selector.last} are no sequence numbers in ascending order`);
      return selector;
    case "before":
      if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/.test(selector.before))
        throw invalid(`"${selector.before}" is no date and time in UTC`);
      return selector;
  }
}

export function describeSelector(selector: Selector): string {
  switch (selector.by) {
    case "user":
      return `user ${selector.user}`;
    case "conversation":
      return `conversation ${selector.conversation}`;
    case "seq":
      return selector.first === selector.last
        ? `record ${selector.first}`
        : `records ${selector.first} to ${selector.last}`;
    case "before":
      return `everything before ${selector.before}`;
  }
}

function assertPseudonym(selector: Selector, pseudonym: string): Selector {
  if (!/^[0-9a-f]{32}$/.test(pseudonym)) throw invalid(`"${pseudonym}" is no pseudonym`);
  return selector;
}

function invalid(why: string): AppError {
  return new AppError({ class: "usage", code: "SELECTOR_INVALID" }, `Cannot select records: ${why}`);
}
