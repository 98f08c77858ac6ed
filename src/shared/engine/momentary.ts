/** A container made for the moment: never pulled, no power, read-only, run to its end, read, removed. */
import type Docker from "dockerode";
import { AppError } from "../errors.ts";
import { demultiplex } from "./demultiplex.ts";

export type MomentaryContainer = {
  readonly name: string;
  /** An image ID: nothing is ever pulled. */
  readonly image: string;
  readonly entrypoint: readonly string[];
  readonly user: string;
  /** "container:<id>" or the name of a network. */
  readonly networkMode: string;
  /** "container:<id>", or empty for a namespace of its own. */
  readonly pidMode: string;
  /** Host path -> place in the container, read-only. */
  readonly mounts: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Of what it writes to both outputs together. */
  readonly limitBytes: number;
};

export type FinishedContainer = {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
};

/** Throws AppError MOMENTARY_TIMEOUT and MOMENTARY_OUTPUT (engine); the container is gone in every case. */
export async function runMomentary(
  docker: Docker,
  spec: MomentaryContainer,
  signal: AbortSignal,
): Promise<FinishedContainer> {
  signal.throwIfAborted();
  const container = await docker.createContainer(options(spec));
  try {
    await container.start();
    const exitCode = await waitFor(container, spec, signal);
    const logs: unknown = await container.logs({ stdout: true, stderr: true, follow: false });
    if (!Buffer.isBuffer(logs)) throw new Error("The engine's logs are no bytes");
    if (logs.length > spec.limitBytes) throw tooLong(spec, logs.length);
    return { exitCode, ...demultiplex(logs) };
  } finally {
    await container.remove({ force: true, v: true });
  }
}

async function waitFor(
  container: Docker.Container,
  spec: MomentaryContainer,
  signal: AbortSignal,
): Promise<number> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(spec.timeoutMs)]);
  try {
    const answer: unknown = await container.wait({ abortSignal: limit });
    if (typeof answer === "object" && answer !== null && "StatusCode" in answer)
      return Number(answer.StatusCode);
    throw new Error("The engine gave no exit code");
  } catch (error) {
    signal.throwIfAborted();
    if (!limit.aborted) throw error;
    throw new AppError(
      { class: "engine", code: "MOMENTARY_TIMEOUT" },
      `Cannot wait for container "${spec.name}": it still runs after ${spec.timeoutMs / 1_000} s, expected it to end`,
      { cause: error },
    );
  }
}

function options(spec: MomentaryContainer): Docker.ContainerCreateOptions {
  return {
    name: spec.name,
    Image: spec.image,
    Entrypoint: [...spec.entrypoint],
    Cmd: [],
    Env: ["LANG=C.UTF-8"],
    User: spec.user,
    WorkingDir: "/",
    Healthcheck: { Test: ["NONE"] },
    Labels: { cloister: "momentary" },
    HostConfig: {
      NetworkMode: spec.networkMode,
      PidMode: spec.pidMode,
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      Tmpfs: { "/tmp": "rw,noexec,nosuid,nodev,size=1m,mode=1777" },
      Mounts: Object.entries(spec.mounts).map(([source, target]) => ({
        Type: "bind",
        Source: source,
        Target: target,
        ReadOnly: true,
      })),
      PidsLimit: 128,
      Memory: 1 << 30,
      // The daemon's default may send logs away, and may keep none to read.
      LogConfig: { Type: "json-file", Config: {} },
      RestartPolicy: { Name: "no" },
    },
  };
}

function tooLong(spec: MomentaryContainer, received: number): AppError {
  return new AppError(
    { class: "engine", code: "MOMENTARY_OUTPUT" },
    `Cannot take the output of container "${spec.name}": ${received} bytes, expected at most ${spec.limitBytes}`,
    { fields: { received, expected: spec.limitBytes } },
  );
}
