/** A gateway that can be asked for what it holds, and the figures of it and of its kernel. */
import { mkdtemp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { askLocal } from "../../src/shared/local-http.ts";
import { startGateway } from "./gateway.ts";
import type { Setting } from "./setting.ts";
import { chatTarget, type Target } from "./target.ts";

const PROBE = join(import.meta.dirname, "memory-probe.ts");
const PROBE_REQUEST = { method: "GET", path: "/", timeoutMs: 60_000 } as const;

export type Probed = { readonly target: Target; readonly pid: number; liveBytes(): Promise<number> };

/** A gateway with sealed content that tells what it holds, after some streams that do not count. */
export async function withProbed<T>(setting: Setting, use: (probed: Probed) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(setting.folder, "probed-"));
  const socketPath = join(folder, "probe.sock");
  const gateway = await startGateway({
    folder,
    upstreamSocket: setting.upstream.socket,
    content: "sealed",
    recipients: [await identityToRecipient(await generateX25519Identity())],
    env: { NODE_OPTIONS: `--expose-gc --import ${PROBE}`, MEMORY_PROBE: socketPath },
  });
  const target = chatTarget("cloister", gateway.port);
  try {
    const script = { tokens: 1_024, sizeBytes: 1_024 };
    await setting.client.streams({ target, streams: 8, script });
    return await use({
      target,
      pid: gateway.program().pid,
      liveBytes: async () => Number((await askLocal({ socketPath }, PROBE_REQUEST)).body),
    });
  } finally {
    await gateway.program().stop(10_000);
  }
}

/** Of all answers that the stand-in has sent so far, in tokens of 1 KiB. */
export async function textBytes({ upstream }: Setting): Promise<number> {
  const { body } = await askLocal({ port: upstream.port }, { method: "GET", path: "/stand-in/counts" });
  const counts: { readonly predictedTokens: number } = JSON.parse(body);
  return counts.predictedTokens * 1_024;
}

export async function memoryOf(pid: number) {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const mib = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1_024;
  return { rss: mib("VmRSS"), peak: mib("VmHWM"), files: (await readdir(`/proc/${pid}/fd`)).length };
}
