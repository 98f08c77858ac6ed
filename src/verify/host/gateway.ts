/** The host's end of an internal network: a bridge hides the world, not the host itself. Said plainly until a firewall closes it. */
import { isErrno } from "../../shared/errors.ts";
import type { KnownGap } from "../check.ts";
import { attempt, type AttemptOutcome } from "../inside/attempt.ts";
import { openListener, type Listener } from "../inside/listener.ts";
import { payloadsOf } from "../inside/outbound.ts";

/** undefined where this process is not on the host that has the address. */
export async function openHostListener(address: string): Promise<Listener | undefined> {
  try {
    return await openListener(address);
  } catch (error) {
    if (isErrno(error, "EADDRNOTAVAIL")) return undefined;
    throw error;
  }
}

export function reachFromHost(listener: Listener, nonce: string): Promise<AttemptOutcome> {
  return attempt({ protocol: "tcp", ...listener }, payloadsOf(nonce));
}

export function judgeGateway(seen: {
  readonly address: string | undefined;
  readonly fromHost: AttemptOutcome | undefined;
  readonly fromInside: AttemptOutcome | undefined;
}): KnownGap {
  const { address, fromHost, fromInside } = seen;
  const gap = {
    id: "host-services",
    title: "This host's own services, asked from inside through the network's gateway address",
    ...(fromHost === undefined ? {} : { control: `the same listener from the host: ${fromHost}` }),
  };
  if (address === undefined || fromHost !== "through" || fromInside === undefined)
    return {
      ...gap,
      state: "unknown",
      observed: "not tried",
      reason: "No listener of verify's own could be put at that address",
    };
  const observed = `${address}: ${fromInside}`;
  if (fromInside === "through" || fromInside === "refused")
    return {
      ...gap,
      state: "open",
      observed,
      reason:
        "An internal network does not keep a container from services that this host offers on all addresses; that takes a firewall, which this version does not bring",
    };
  return {
    ...gap,
    state: "closed",
    observed,
    reason: "Something on this host refuses what comes from the network",
  };
}
