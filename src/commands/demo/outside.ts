/** What the outside saw, in two parts: while only the sealed stack ran, and when its twin on an open network did the same. */
import { compareCodeUnits } from "../../shared/order.ts";
import { isHousekeeping, type OutsideEvent } from "../../world/event.ts";

export type OutsideVerdict = {
  readonly verdict: "pass" | "failed-check" | "inconclusive";
  /** Packets while only the sealed stack ran, and later ones with its nonces: none, or a leak. */
  readonly sealed: number;
  /** Events with the twin's nonce, and which receivers wrote them: some, or nothing was shown. */
  readonly twin: number;
  readonly receivers: readonly string[];
  /** Who was spoken to while sealed. */
  readonly leaks: readonly string[];
};

/**
 * `sealed` are the events before the twin was made, `after` those since. The nonces of the sealed attempts must be in none of them,
 * and the twin's in some.
 */
export function judgeOutside(
  events: { readonly sealed: readonly OutsideEvent[]; readonly after: readonly OutsideEvent[] },
  nonces: { readonly sealed: readonly string[]; readonly twin: string },
): OutsideVerdict {
  const isSealedAttempt = (event: OutsideEvent): boolean =>
    event.nonces.some((nonce) => nonces.sealed.includes(nonce));
  const leaked = [
    ...events.sealed.filter((event) => !isHousekeeping(event)),
    ...events.after.filter((event) => isSealedAttempt(event)),
  ];
  const reached = events.after.filter((event) => event.nonces.includes(nonces.twin));
  const leaks = new Set(
    leaked.map(({ protocol, to, port, name }) => `${protocol} ${to}:${port} ${name ?? ""}`.trim()),
  );
  return {
    verdict: leaked.length > 0 ? "failed-check" : reached.length === 0 ? "inconclusive" : "pass",
    sealed: leaked.length,
    twin: reached.length,
    receivers: [...new Set(reached.map(({ receiver }) => receiver))].sort(compareCodeUnits),
    leaks: [...leaks],
  };
}
