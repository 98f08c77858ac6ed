import type { Setting } from "../setting.ts";
import { chatTarget, type Started } from "../target.ts";
import { startLitellm } from "./litellm.ts";
import { startNginx } from "./nginx.ts";
import { startOurs, startPassthrough } from "./ours.ts";
import { startPortkey } from "./portkey.ts";

/** BENCH_ONLY: names to measure beside "direct", separated by commas; all of them unless told. */
const ONLY = process.env["BENCH_ONLY"]?.split(",");

export async function loadedTargets(setting: Setting): Promise<readonly Started[]> {
  const { folder, peers, upstream } = setting;
  const starts: Readonly<Record<string, () => Promise<Started>>> = {
    passthrough: async () => await startPassthrough(upstream),
    request: async () => await startOurs(folder, upstream, "request"),
    strict: async () => await startOurs(folder, upstream, "strict"),
    async: async () => await startOurs(folder, upstream, "async"),
    nginx: async () => await startNginx(folder, upstream),
    portkey: async () => await startPortkey(peers, upstream),
    litellm: async () => await startLitellm(peers, upstream),
  };
  const started: Started[] = [direct(setting)];
  try {
    for (const [name, start] of Object.entries(starts))
      if (ONLY === undefined || ONLY.includes(name)) started.push(await start());
    return started;
  } catch (error) {
    for (const { stop } of started) await stop();
    throw error;
  }
}

function direct({ upstream }: Setting): Started {
  return {
    target: chatTarget("direct", upstream.port),
    pids: [upstream.program.pid],
    stop: async () => undefined,
  };
}
