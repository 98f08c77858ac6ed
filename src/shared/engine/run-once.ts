/** A container for one moment: made, started, waited for, read and removed, whatever happens in between. */
import { PassThrough } from "node:stream";
import type Docker from "dockerode";
import { AppError } from "../errors.ts";
import { engineFailure } from "./failure.ts";
import { orAborted } from "./or-aborted.ts";
import { removeContainer } from "./remove-container.ts";

export type RunSpec = {
  readonly name: string;
  readonly reference: string;
  /** The image's own where it is not given. */
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  /** The image's own where it is not given. */
  readonly user?: string;
  readonly env?: readonly string[];
  /** `none`, `container:<name>` or a network's name. */
  readonly network: string;
  /** `container:<name>`, to see that container's processes. */
  readonly pidMode?: string;
  readonly dns?: readonly string[];
  /** Host paths, read-only inside. */
  readonly mounts?: readonly { readonly source: string; readonly target: string }[];
  /** Folders on a file system in memory. */
  readonly tmpfs?: readonly string[];
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** What is kept of each output stream; a longer one is cut. */
  readonly outputLimitBytes?: number;
};

export type RunResult = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

/** On every such container: one whose owner was killed is found by it. */
export const ONCE_LABEL = "io.cloister.once";

const OUTPUT_LIMIT_BYTES = 16 << 20;
const MEMORY_BYTES = 1 << 30;
const PIDS = 128;

/**
 * Read-only root, no capabilities, no new privileges, never a pull. Throws RUN_TIMED_OUT, ENGINE_REFUSED, ENGINE_LOST (engine).
 */
export async function runOnce(
  engine: { readonly docker: Docker; readonly address: string },
  spec: RunSpec,
): Promise<RunResult> {
  const what = `run a container of "${spec.reference}"`;
  const limit = AbortSignal.timeout(spec.timeoutMs);
  const signal = AbortSignal.any([limit, ...(spec.signal === undefined ? [] : [spec.signal])]);
  try {
    const container = await engine.docker.createContainer({ ...createOptions(spec), abortSignal: signal });
    try {
      await container.start({ abortSignal: signal });
      const wait: Promise<{ StatusCode: number }> = container.wait({ abortSignal: signal });
      const { StatusCode: exitCode } = await orAborted(wait, signal);
      const logs = await container.logs({ stdout: true, stderr: true, follow: true, abortSignal: signal });
      return { exitCode, ...(await orAborted(readLogs(engine.docker, logs, spec), signal)) };
    } finally {
      await removeContainer(container);
    }
  } catch (error) {
    spec.signal?.throwIfAborted();
    if (!limit.aborted) throw engineFailure(error, what, engine.address);
    throw new AppError(
      { class: "engine", code: "RUN_TIMED_OUT" },
      `Cannot ${what}: it did not end within ${spec.timeoutMs} ms`,
      { cause: error, fields: { reference: spec.reference } },
    );
  }
}

function createOptions(spec: RunSpec): Docker.ContainerCreateOptions {
  const inOwnNetwork = !spec.network.startsWith("container:");
  return {
    name: spec.name,
    Image: spec.reference,
    Labels: { [ONCE_LABEL]: "" },
    Env: [...(spec.env ?? [])],
    Tty: false,
    ...(spec.entrypoint === undefined ? {} : { Entrypoint: [...spec.entrypoint] }),
    ...(spec.command === undefined ? {} : { Cmd: [...spec.command] }),
    ...(spec.user === undefined ? {} : { User: spec.user }),
    HostConfig: {
      NetworkMode: spec.network,
      ...(spec.pidMode === undefined ? {} : { PidMode: spec.pidMode }),
      ...(spec.dns === undefined || !inOwnNetwork ? {} : { Dns: [...spec.dns] }),
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges:true"],
      PidsLimit: PIDS,
      Memory: MEMORY_BYTES,
      RestartPolicy: { Name: "no" },
      // The daemon's default may send the output away, or keep none to read.
      LogConfig: { Type: "json-file", Config: {} },
      Binds: (spec.mounts ?? []).map(({ source, target }) => `${source}:${target}:ro`),
      Tmpfs: Object.fromEntries(
        (spec.tmpfs ?? []).map((path) => [path, "rw,noexec,nosuid,nodev,size=16m,mode=1777"]),
      ),
    },
  };
}

async function readLogs(
  docker: Docker,
  logs: NodeJS.ReadableStream,
  spec: RunSpec,
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const limitBytes = spec.outputLimitBytes ?? OUTPUT_LIMIT_BYTES;
  const texts = Promise.all([collect(stdout, limitBytes), collect(stderr, limitBytes)]);
  docker.modem.demuxStream(logs, stdout, stderr);
  logs.once("end", () => {
    stdout.end();
    stderr.end();
  });
  logs.once("error", (error) => {
    stdout.destroy(error);
    stderr.destroy(error);
  });
  const [out, err] = await texts;
  return { stdout: out, stderr: err };
}

async function collect(stream: AsyncIterable<Buffer>, limitBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of stream) {
    if (sizeBytes + chunk.length <= limitBytes) chunks.push(chunk);
    sizeBytes += chunk.length;
  }
  return Buffer.concat(chunks).toString("utf8");
}
