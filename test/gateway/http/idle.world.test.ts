import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startGateway } from "../../../bench/gateway/gateway.ts";
import { ask } from "./client.ts";
import { CHAT, json, startUpstream } from "./upstream.ts";

const CONNECTIONS = 10_000;
/** At a time: the kernel's queue of those that nobody has accepted yet is shorter. */
const BATCH = 200;
const MEMORY_BYTES = 400 << 20;

test("10,000 idle connections are held, and a request between them is answered", async () => {
  const folder = await mkdtemp(join(tmpdir(), "idle-"));
  // As llama-server without --metrics answers: nobody counts what a test plays.
  const upstream = await startUpstream((response, received) =>
    json(CHAT, received.url === "/metrics" ? 501 : 200)(response, received),
  );
  const gateway = await startGateway({ folder, upstreamSocket: upstream.socketPath });
  const sockets: Socket[] = [];
  let ended = 0;
  try {
    while (sockets.length < CONNECTIONS) {
      const batch = Array.from({ length: BATCH }, () => connect(gateway.port, "127.0.0.1"));
      await Promise.all(batch.map(async (socket) => once(socket, "connect")));
      for (const socket of batch) socket.on("close", () => (ended += 1)).on("error", () => undefined);
      sockets.push(...batch);
    }
    for (let count = 0; count < 5; count += 1) expect((await ask(gateway)).status).toBe(200);
    expect(ended).toBe(0);
    const status = await readFile(`/proc/${gateway.program().pid}/status`, "utf8");
    expect(Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1_024).toBeLessThan(MEMORY_BYTES);
  } finally {
    for (const socket of sockets) socket.destroy();
    await gateway.program().stop(10_000);
    await upstream.stop();
    await rm(folder, { recursive: true });
  }
});
