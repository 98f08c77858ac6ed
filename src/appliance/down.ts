import { setTimeout as sleep } from "node:timers/promises";
import type { Engine } from "../shared/engine/engine.ts";
import { ONCE_LABEL } from "../shared/engine/run-once.ts";
import { AppError } from "../shared/errors.ts";
import { PROJECT } from "./compose.ts";
import { withState } from "./state.ts";

/** Compose's own label on all that it makes. */
const PROJECT_LABEL = `com.docker.compose.project=${PROJECT}`;

const LOOKS = 10;
const PAUSE_MS = 300;

export type TakenDown = {
  readonly containers: readonly string[];
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
};

type DownInput = { readonly stateRoot: string; readonly signal: AbortSignal };

/** Stops and removes what `up` started, asked of the engine and not of a file. Throws STILL_UP (half-done). */
export async function down({ stateRoot, signal }: DownInput, engine: Engine): Promise<TakenDown> {
  return await withState(stateRoot, () => takeDownProject(engine, signal));
}

/**
 * Ends with a look that finds nothing a moment after the last removal: an engine goes on making a container after the request for it
 * was given up, and such a one appears when the first look is over.
 */
export async function takeDownProject(engine: Engine, signal: AbortSignal): Promise<TakenDown> {
  const taken = { containers: new Set<string>(), networks: new Set<string>(), volumes: new Set<string>() };
  for (let look = 0; look < LOOKS; look += 1) {
    if (look > 0) await sleep(PAUSE_MS, undefined, { signal });
    const found = await projectOf(engine);
    if (look > 0 && Object.values(found).flat().length === 0)
      return {
        containers: [...taken.containers],
        networks: [...taken.networks],
        volumes: [...taken.volumes],
      };
    await removeAll(found, engine, signal);
    for (const kind of ["containers", "networks", "volumes"] as const)
      for (const name of found[kind]) taken[kind].add(name);
  }
  const left = Object.values(await projectOf(engine)).flat();
  throw new AppError(
    { class: "half-done", code: "STILL_UP" },
    `Cannot take everything down: ${left.join(", ")} ${left.length === 1 ? "is" : "are"} still there`,
    { hint: "Run `cloister down` again", fields: { left } },
  );
}

async function removeAll(found: TakenDown, engine: Engine, signal: AbortSignal): Promise<void> {
  for (const name of found.containers) {
    signal.throwIfAborted();
    await engine.stopContainer(name);
    await engine.removeContainer(name);
  }
  for (const name of found.networks) await engine.removeNetwork(name);
  for (const name of found.volumes) await engine.removeVolume(name);
}

/** All that Compose made for the stack, and what a killed `load` or `verify` left of its own containers. */
export async function projectOf(engine: Engine): Promise<TakenDown> {
  return {
    containers: [
      ...(await engine.containersLabelled(PROJECT_LABEL)),
      ...(await engine.containersLabelled(ONCE_LABEL)),
    ],
    networks: await engine.networksLabelled(PROJECT_LABEL),
    volumes: await engine.volumesLabelled(PROJECT_LABEL),
  };
}
