/** What the outside writes down, one JSON document a line. */
import { readFile } from "node:fs/promises";
import { isErrno } from "../shared/errors.ts";

export type OutsideEvent = {
  /** `packet` sees everything that comes in over the wire; the others are programs that were spoken to. */
  readonly receiver: "packet" | "dns" | "http" | "tls" | "https" | "quic" | "echo";
  /** tcp, udp, icmp, icmpv6 or a number of IANA's protocol list. */
  readonly protocol: string;
  readonly from: string;
  readonly to: string;
  /** Destination port; 0 where the protocol has none. */
  readonly port: number;
  readonly bytes: number;
  /** The name that was asked for, whichever way: a question, a Host, an SNI. */
  readonly name?: string;
  /** Runs of exactly 16 hex digits in what came: the nonces of probes look like that. */
  readonly nonces: readonly string[];
};

const NONCE = /(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])/g;

export function noncesIn(bytes: Uint8Array | string): readonly string[] {
  const text = typeof bytes === "string" ? bytes : Buffer.from(bytes).toString("latin1");
  return [...new Set(text.match(NONCE) ?? [])];
}

/**
 * A kernel that finds a wire looks for routers, groups and neighbours on it (RFC 4861, RFC 3810). What is addressed to a link-local
 * address goes no further than the wire, and no program of a container can send it across a router.
 */
export function isHousekeeping({ receiver, protocol, to, nonces }: OutsideEvent): boolean {
  // Group reports come behind a hop-by-hop header, which is protocol 0.
  const isNeighbourly = protocol === "icmpv6" || protocol === "0";
  return (
    receiver === "packet" && isNeighbourly && nonces.length === 0 && /^(?:ff02|fe[89ab][0-9a-f]):/.test(to)
  );
}

/** Complete lines only: the last one may be under way. */
export async function readEvents(path: string): Promise<readonly OutsideEvent[]> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return "";
    throw error;
  });
  return text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .filter((line) => line !== "")
    .map((line): OutsideEvent => JSON.parse(line));
}
