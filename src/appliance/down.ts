import type { Engine } from "../shared/engine/engine.ts";
import { ONCE_LABEL } from "../shared/engine/run-once.ts";
import { AppError } from "../shared/errors.ts";
import { PROJECT } from "./compose.ts";
import { withState } from "./state.ts";

/** Compose's own label on all that it makes. */
const PROJECT_LABEL = `com.docker.compose.project=${PROJECT}`;

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

export async function takeDownProject(engine: Engine, signal: AbortSignal): Promise<TakenDown> {
  const taken = await projectOf(engine);
  for (const name of taken.containers) {
    signal.throwIfAborted();
    await engine.stopContainer(name);
    await engine.removeContainer(name);
  }
  for (const name of taken.networks) await engine.removeNetwork(name);
  for (const name of taken.volumes) await engine.removeVolume(name);
  const left = Object.values(await projectOf(engine)).flat();
  if (left.length === 0) return taken;
  throw new AppError(
    { class: "half-done", code: "STILL_UP" },
    `Cannot take everything down: ${left.join(", ")} ${left.length === 1 ? "is" : "are"} still there`,
    { hint: "Run `cloister down` again", fields: { left } },
  );
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
