/** Does its share of what can be done to the one segment of a log, on a copy of its own. */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { spoil, type Share } from "../audit/verify/spoil.ts";

// A worker's data comes as the structured clone of what its starter gave.
const share: Share = workerData;
const parent = await mkdtemp(join(tmpdir(), "every-"));
try {
  const log = join(parent, "log");
  await cp(share.log, log, { recursive: true, filter: (path) => !path.endsWith(".sock") });
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- It is a worker's port, and no window.
  parentPort?.postMessage(await spoil({ ...share, log }));
} finally {
  await rm(parent, { recursive: true });
}
