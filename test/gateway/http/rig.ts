/** A gateway between one or two servers that a test plays and clients of the test, with a log of its own. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import type { AuditLog } from "../../../src/audit/audit-log.ts";
import type { LedgerRecord, RecordType, Usage } from "../../../src/audit/record.ts";
import { createGateway, type Gateway, type GatewayOptions } from "../../../src/gateway/http/gateway.ts";
import type { Health } from "../../../src/gateway/http/own-routes.ts";
import { openUpstream, type Activity, type Upstream as Asked } from "../../../src/gateway/upstream.ts";
import { createAccounts } from "../../../src/gateway/watch/reconcile.ts";
import { readPayloadLines, readRecords } from "../../audit/write/read-back.ts";
import { openScratchLog, scratchFolder } from "../../audit/write/scratch-log.ts";
import { startUpstream, type Answer, type Upstream } from "./upstream.ts";

type Of<Type extends RecordType> = Extract<LedgerRecord, { type: Type }>;

/** One of the played servers, and what the gateway has of it. */
type Server = {
  readonly upstream: Upstream;
  readonly asked: Asked;
  readonly answered: readonly (Usage | undefined)[];
};

export type Rig = {
  readonly port: number;
  readonly socketPath: string;
  readonly upstream: Upstream;
  readonly gateway: Gateway;
  readonly log: AuditLog;
  readonly answered: readonly (Usage | undefined)[];
  /** Of `upstream`. */
  activity(): Activity;
  /** The second server, where it was given an answer. Its model is called "embed". */
  embedding(): Server;
  readonly defects: readonly unknown[];
  /** Of the log on the disk, as it is now. */
  records<Type extends RecordType>(type: Type): Promise<readonly Of<Type>[]>;
  /** Waits for so many of them. */
  untilRecords<Type extends RecordType>(type: Type, count: number): Promise<readonly Of<Type>[]>;
  /** Content of a record's payload line. */
  payloadOf(seq: number): Promise<string | undefined>;
  close(): Promise<void>;
};

export type RigOptions = Partial<Omit<GatewayOptions, "upstreams">> & {
  readonly answer: Answer;
  readonly embedding?: Answer;
  readonly log?: AuditLog;
  readonly hasRoom?: () => boolean;
  readonly health?: () => Promise<Health>;
};

const WAIT_MS = 5_000;
const open = new Set<Rig>();

export async function startRig({
  answer,
  embedding: embeddingAnswer,
  log: given,
  hasRoom,
  health,
  ...options
}: RigOptions): Promise<Rig> {
  const { upstream, asked, answered } = await startServer("demo", answer);
  const embedding = embeddingAnswer === undefined ? undefined : await startServer("embed", embeddingAnswer);
  const at = await scratchFolder();
  const log = given ?? (await openScratchLog(at)).log;
  const defects: unknown[] = [];
  const gateway = createGateway(
    {
      upstreams: { main: asked, ...(embedding === undefined ? {} : { embedding: embedding.asked }) },
      mode: "request",
      identity: { pepper: Buffer.alloc(32, 1) },
      native: [],
      maxBodyBytes: 1 << 20,
      allowOrigins: [],
      ...options,
    },
    {
      log,
      hasRoom: hasRoom ?? (() => true),
      health: health ?? (async () => ({ status: "ok" })),
      onDefect: (error) => defects.push(error),
    },
  );
  const tcp = gateway.server("tcp");
  tcp.listen(0, "127.0.0.1");
  await once(tcp, "listening");
  const socketPath = join(dirname(upstream.socketPath), "gateway.sock");
  const socket = gateway.server("socket");
  socket.listen(socketPath);
  await once(socket, "listening");

  async function records<Type extends RecordType>(type: Type): Promise<readonly Of<Type>[]> {
    return (await readRecords(at.log)).filter((one): one is Of<Type> => one.type === type);
  }

  const rig: Rig = {
    port: (tcp.address() as AddressInfo).port,
    socketPath,
    upstream,
    gateway,
    log,
    answered,
    activity: asked.activity,
    embedding: () => {
      if (embedding === undefined) throw new Error("It has one server");
      return embedding;
    },
    defects,
    records,
    untilRecords: async (type, count) => {
      await until(async () => (await records(type)).length >= count);
      return await records(type);
    },
    payloadOf: async (seq) => {
      const lines = (await readPayloadLines(at.log)).map(
        (line) => JSON.parse(line) as { payload: number; text: string },
      );
      return lines.find(({ payload }) => payload === seq)?.text;
    },
    close: async () => {
      open.delete(rig);
      await gateway.close();
      if (given === undefined) await log.close();
      await upstream.stop();
      await embedding?.upstream.stop();
    },
  };
  open.add(rig);
  return rig;
}

async function startServer(alias: string, answer: Answer): Promise<Server> {
  const upstream = await startUpstream(answer);
  const answered: (Usage | undefined)[] = [];
  const accounts = { ...createAccounts(), answered: (usage: Usage | undefined) => void answered.push(usage) };
  return { upstream, answered, asked: openUpstream({ alias, socketPath: upstream.socketPath, accounts }) };
}

/** After each test: the rigs that it left open. */
export async function closeRigs(): Promise<void> {
  for (const rig of open) await rig.close();
}

export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + WAIT_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`It is not so after ${WAIT_MS} ms: ${isSo.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
