import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { exec, PLAIN_ENVIRONMENT, type ExecResult } from "../shared/exec.ts";
import { composeFileOf, type Topology } from "./stack.ts";
import { releaseFolder } from "./state.ts";

export type ComposeTarget = {
  readonly stateRoot: string;
  readonly releaseId: string;
  readonly engineAddress: string;
  readonly topology: Topology;
};

export const PROJECT = "cloister";
const TIMEOUT_MS = 300_000;

export function composeEnvFile(stateRoot: string): string {
  return join(stateRoot, "run/compose.env");
}

/** The release's own Compose v2 on the release's own file; it sees no credentials, contexts or plugins of whoever runs it. */
export async function compose(
  target: ComposeTarget,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<ExecResult> {
  const folder = releaseFolder(target.stateRoot, target.releaseId);
  const config = join(target.stateRoot, "run/docker-config");
  await mkdir(config, { recursive: true, mode: 0o700 });
  const files = [
    "--env-file",
    composeEnvFile(target.stateRoot),
    "-f",
    join(folder, composeFileOf(target.topology)),
  ];
  return await exec(join(folder, "bin/docker-compose"), ["--project-name", PROJECT, ...files, ...args], {
    cwd: folder,
    env: { ...PLAIN_ENVIRONMENT, DOCKER_HOST: target.engineAddress, DOCKER_CONFIG: config, HOME: config },
    timeoutMs: TIMEOUT_MS,
    ...(signal === undefined ? {} : { signal }),
  });
}
