import { isIP } from "node:net";
import { fail, inconclusive, pass, summarize, type Check, type Question } from "../check.ts";
import { attempt, type AttemptOutcome, type Payloads } from "./attempt.ts";
import { addressQuery } from "../../shared/dns.ts";
import { LOOPBACK, type LoopbackControl } from "./loopback-control.ts";
import type { InsidePlan, Target } from "./plan.ts";

export const OUTBOUND_QUESTION: Question = {
  id: "outbound",
  title: "Nothing outside is reached, over TCP or UDP, IPv4 or IPv6",
  where: "inside",
  expected:
    "every attempt ends in a timeout or as unreachable; none is taken and none is refused by a far side",
};

type Attempt = { readonly target: Target; readonly outcome: AttemptOutcome };
export type OutboundView = {
  readonly attempts: readonly Attempt[];
  readonly controls: Readonly<Record<"tcp" | "udp", AttemptOutcome>>;
};

const BLOCKED = [
  "timeout",
  "sent, no answer",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "ETIMEDOUT",
  "EACCES",
  "EPERM",
  "EADDRNOTAVAIL",
  "EAFNOSUPPORT",
];

export async function attemptAll(
  plan: Pick<InsidePlan, "nonce" | "targets">,
  control: LoopbackControl,
): Promise<OutboundView> {
  const payload = payloadsOf(plan.nonce);
  const attempts = await Promise.all(
    plan.targets.map(async (target) => ({ target, outcome: await attempt(target, payload) })),
  );
  const [tcp, udp] = await Promise.all([
    attempt({ protocol: "tcp", address: LOOPBACK, port: control.tcpPort }, payload),
    attempt({ protocol: "udp", address: LOOPBACK, port: control.udpPort }, payload),
  ]);
  return { attempts, controls: { tcp, udp } };
}

export function payloadsOf(nonce: string): Payloads {
  const name = `n${nonce}.cloister-probe.example`;
  const request = `GET /${nonce} HTTP/1.0\r\nHost: ${name}\r\n\r\n`;
  return { tcp: Buffer.from(request), udp: addressQuery(0x4343, name) };
}

/** `twin`: the same attempts from a container on the open network that the operator named. */
export function judgeOutbound(view: OutboundView, twin?: OutboundView): Check {
  const { attempts, controls } = view;
  const reached = attempts.filter(({ outcome }) => !BLOCKED.includes(outcome));
  const observed = summarize((reached.length > 0 ? reached : attempts).map(describe));
  const control = [
    `same code to loopback: TCP ${controls.tcp}, UDP ${controls.udp}`,
    ...(twin === undefined ? [] : [`from the open network: ${summarize(givenOf(twin).map(describe))}`]),
  ].join("; ");
  const answer = { observed, control };
  if (reached.length > 0)
    return fail(OUTBOUND_QUESTION, {
      ...answer,
      reason: `${reached.length} of ${attempts.length} attempts got an answer`,
    });
  if (attempts.length === 0)
    return inconclusive(OUTBOUND_QUESTION, { ...answer, reason: "No attempt was made" });
  if (controls.tcp !== "through" || controls.udp !== "through")
    return inconclusive(OUTBOUND_QUESTION, {
      ...answer,
      reason: "The probe's own control did not get through",
    });
  if (twin === undefined)
    return pass(OUTBOUND_QUESTION, {
      ...answer,
      reason:
        "All blocked. No open network was named, so whether these addresses would answer elsewhere is not shown",
    });
  const given = givenOf(twin);
  const missing = givenOf(view).filter(({ target }) => !given.some((one) => isSame(one.target, target)));
  if (given.length === 0 || missing.length > 0 || given.some(({ outcome }) => outcome !== "through"))
    return inconclusive(OUTBOUND_QUESTION, {
      ...answer,
      reason: "The twin on the open network did not get through everywhere",
    });
  return pass(OUTBOUND_QUESTION, {
    ...answer,
    reason: "All blocked here; the twin reached each named target in the same run",
  });
}

function givenOf({ attempts }: OutboundView): readonly Attempt[] {
  return attempts.filter(({ target }) => target.given);
}

function isSame(a: Target, b: Target): boolean {
  return showTarget(a) === showTarget(b);
}

function describe({ target, outcome }: Attempt): string {
  return `${showTarget(target)} ${outcome}`;
}

function showTarget({ protocol, address, port }: Target): string {
  return `${protocol}:${isIP(address) === 6 ? `[${address}]` : address}:${port}`;
}
