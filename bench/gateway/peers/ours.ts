import { join } from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { startGateway, type GatewayOptions } from "../gateway.ts";
import { freePort, startChild, type Upstream } from "../processes.ts";
import { chatTarget, type Started } from "../target.ts";

/** With content sealed to a recipient, as `up` sets it up. */
export async function startOurs(
  folder: string,
  upstream: Upstream,
  mode: "request" | "strict" | "async",
): Promise<Started> {
  const recipients = [await identityToRecipient(await generateX25519Identity())];
  const options: GatewayOptions = {
    folder: join(folder, mode),
    upstreamSocket: upstream.socket,
    mode,
    content: "sealed",
    recipients,
  };
  const gateway = await startGateway(options);
  return {
    target: chatTarget(`cloister, ${mode}`, gateway.port),
    pids: [gateway.program().pid],
    stop: async () => await gateway.program().stop(10_000),
  };
}

/** The same proxy with a log that writes nothing. */
export async function startPassthrough(upstream: Upstream): Promise<Started> {
  const port = await freePort();
  const program = await startChild("passthrough-child.ts", [String(port), upstream.socket]);
  return {
    target: chatTarget("cloister, no log", port),
    pids: [program.pid],
    stop: async () => await program.stop(3_000),
  };
}
