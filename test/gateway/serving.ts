/** The gateway from top to bottom, in this process, with everything of its own in one new folder. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serve, type Serving } from "../../src/gateway/serve.ts";
import type { GatewayConfig } from "../../src/shared/gateway-config.ts";
import { ask, EMBED, EMBEDDINGS_PATH, type Seen } from "./http/client.ts";

export type Served = {
  readonly port: number;
  readonly log: string;
  readonly notes: readonly string[];
  health(): Promise<{ readonly status: number; readonly body: unknown }>;
  chat(): Promise<Seen>;
  embed(): Promise<Seen>;
  close(): Promise<void>;
};

type Options = Partial<Pick<GatewayConfig, "witness" | "embedding">> & { readonly upstreamSocket: string };

const open = new Set<Serving>();

export async function startServing(options: Options): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), "serving-"));
  const config = configIn(folder, options);
  const log = config.log.folder;
  const notes: string[] = [];
  const serving = await serve(config, (text) => notes.push(text));
  open.add(serving);
  const { port } = serving;
  if (port === undefined) throw new Error("It was given a TCP door");
  return {
    port,
    log,
    notes,
    health: async () => {
      const { status, text } = await ask({ port }, { method: "GET", path: "/health" });
      return { status, body: JSON.parse(text) };
    },
    chat: async () => await ask({ port }),
    embed: async () => await ask({ port }, { path: EMBEDDINGS_PATH, body: EMBED }),
    close: async () => {
      open.delete(serving);
      await serving.close();
    },
  };
}

/** After each test: those that it left open. */
export async function closeServing(): Promise<void> {
  for (const serving of open) {
    open.delete(serving);
    await serving.close();
  }
}

/** Everything of its own lies in `folder`; it serves a free port. */
export function configIn(folder: string, { upstreamSocket, ...options }: Options): GatewayConfig {
  return {
    format: 1,
    listen: { tcp: { host: "127.0.0.1", port: 0 }, socket: join(folder, "gateway.sock") },
    upstream: { socket: upstreamSocket },
    model: { alias: "demo", sha256: `sha256:${"0".repeat(64)}` },
    images: [],
    log: {
      folder: join(folder, "log"),
      mode: "request",
      content: "plain",
      recipients: [],
      zone: "UTC",
      maxSegmentBytes: 1 << 26,
      retention: { content: 90, ledger: 366 },
      reserveBytes: 0,
    },
    keys: { signing: join(folder, "log.key"), pepper: join(folder, "pepper") },
    policy: { native: [], maxBodyBytes: 1 << 20, allowOrigins: [] },
    ...options,
  };
}
