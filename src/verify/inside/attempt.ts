/** One try to get through to an address, the same code for the sealed container, its twin and the control on loopback. */
import { createSocket } from "node:dgram";
import { connect, isIPv6 } from "node:net";
import type { Target } from "./plan.ts";

/** Sent over whatever opens: both hold the run's nonce, for whoever writes down what reaches the far side. */
export type Payloads = { readonly tcp: Uint8Array; readonly udp: Uint8Array };

/**
 * "through": the far side took the connection or answered. "refused": the far side, or something speaking for it, answered with a
 * refusal, so packets got there and back. Everything else is the errno, or "timeout".
 */
export type AttemptOutcome = "through" | "refused" | "timeout" | "sent, no answer" | (string & {});

const TIMEOUT_MS = 3_000;

export function attempt(
  target: Pick<Target, "protocol" | "address" | "port">,
  payloads: Payloads,
): Promise<AttemptOutcome> {
  return target.protocol === "tcp" ? attemptTcp(target, payloads.tcp) : attemptUdp(target, payloads.udp);
}

function attemptTcp(
  { address, port }: { address: string; port: number },
  payload: Uint8Array,
): Promise<AttemptOutcome> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: TIMEOUT_MS, autoSelectFamily: false });
    const end = (outcome: AttemptOutcome) => {
      socket.destroy();
      resolve(outcome);
    };
    socket.once("connect", () => socket.end(payload, () => end("through")));
    socket.once("timeout", () => end("timeout"));
    socket.once("error", (error) => end(nameOf(error)));
  });
}

/** Connected, so that an ICMP error comes back as an errno. */
function attemptUdp(
  { address, port }: { address: string; port: number },
  payload: Uint8Array,
): Promise<AttemptOutcome> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
    const end = (outcome: AttemptOutcome) => {
      clearTimeout(timer);
      socket.close();
      resolve(outcome);
    };
    const timer = setTimeout(() => end("sent, no answer"), TIMEOUT_MS);
    socket.once("message", () => end("through"));
    socket.once("error", (error) => end(nameOf(error)));
    socket.once("connect", () => socket.send(payload));
    socket.connect(port, address);
  });
}

function nameOf(error: Error): AttemptOutcome {
  const code = "code" in error ? String(error.code) : error.message;
  return code === "ECONNREFUSED" || code === "ECONNRESET" ? "refused" : code;
}
