/** What the outside saw, in two parts: while only the sealed stack ran, and when its twin on an open network did the same. */
import { isHousekeeping, type OutsideEvent } from "../../world/event.ts";

export type OutsideVerdict = {
  readonly verdict: "pass" | "failed-check" | "inconclusive";
  /** Packets while only the sealed stack ran: none, or a leak. */
  readonly sealed: number;
  /** Packets, and different nonces in them, when the twin ran: some, or nothing was shown. */
  readonly twin: number;
  readonly twinNonces: number;
  /** Who was spoken to while sealed. */
  readonly leaks: readonly string[];
};

export function judgeOutside(sealed: readonly OutsideEvent[], twin: readonly OutsideEvent[]): OutsideVerdict {
  const leaked = sealed.filter((event) => !isHousekeeping(event));
  const reached = twin.filter((event) => !isHousekeeping(event));
  const nonces = new Set(reached.flatMap((event) => event.nonces));
  const leaks = new Set(
    leaked.map(({ protocol, to, port, name }) => `${protocol} ${to}:${port} ${name ?? ""}`.trim()),
  );
  return {
    verdict: leaked.length > 0 ? "failed-check" : nonces.size === 0 ? "inconclusive" : "pass",
    sealed: leaked.length,
    twin: reached.length,
    twinNonces: nonces.size,
    leaks: [...leaks],
  };
}
