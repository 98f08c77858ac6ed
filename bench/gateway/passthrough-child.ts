/**
 * Our own proxy in front of a log that keeps nothing, to tell what the proxy costs from what the log costs:
 * node bench/gateway/passthrough-child.ts PORT SOCKET
 */
import { randomBytes } from "node:crypto";
import type { AuditLog } from "../../src/audit/audit-log.ts";
import { PLAIN_KEY } from "../../src/audit/payload.ts";
import { createGateway } from "../../src/gateway/http/gateway.ts";
import { openUpstream } from "../../src/gateway/upstream.ts";
import { createAccounts } from "../../src/gateway/watch/reconcile.ts";

const [port = "", socketPath = ""] = process.argv.slice(2);
const DURABLE = Promise.resolve();
let next = 0;

const nowhere: AuditLog = {
  folder: "",
  contentKey: async () => PLAIN_KEY,
  append: () => ({ seq: next++, durable: DURABLE }),
  pendingBytes: () => 0,
  state: () => ({ kind: "open" }),
  status: () => ({ segment: "", nextSeq: next, durableSeq: next - 1, checkpointSize: 0, cosignedSize: 0 }),
  checkpoint: async () => undefined,
  rotate: async () => "",
  exclusively: async (work) => await work(),
  dropKeys: async () => 0,
  renewSigningKey: async () => "",
  close: async () => undefined,
};

const gateway = createGateway(
  {
    upstreams: { main: openUpstream({ socketPath, alias: "demo", accounts: createAccounts() }) },
    mode: "request",
    identity: { pepper: randomBytes(32) },
    native: [],
    maxBodyBytes: 1 << 24,
    allowOrigins: [],
  },
  {
    log: nowhere,
    hasRoom: () => true,
    health: async () => ({ status: "ok" }),
    onDefect: (error) => process.stderr.write(`${String(error)}\n`),
  },
);
gateway.server("tcp").listen(Number(port), "127.0.0.1", () => process.stdout.write("ready\n"));
