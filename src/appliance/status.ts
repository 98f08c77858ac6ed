import type { Engine } from "../shared/engine/engine.ts";
import { projectOf } from "./down.ts";
import { currentRelease, listReleases, modelSocket } from "./state.ts";
import { AppError } from "../shared/errors.ts";

export type Status = {
  readonly releases: readonly string[];
  readonly current: string | undefined;
  readonly containers: readonly { readonly name: string; readonly state: string; readonly health: string }[];
  readonly socket: string;
};

/** Changes nothing. */
export async function readStatus(stateRoot: string, engine: Engine): Promise<Status> {
  const { containers } = await projectOf(engine);
  const facts = await Promise.all(containers.map((name) => engine.container(name)));
  return {
    releases: (await listReleases(stateRoot)).map(({ id }) => id),
    current: await currentId(stateRoot),
    containers: facts.flatMap((one) =>
      one === undefined ? [] : [{ name: one.name, state: one.state, health: one.health ?? "not checked" }],
    ),
    socket: modelSocket(stateRoot),
  };
}

async function currentId(stateRoot: string): Promise<string | undefined> {
  try {
    return (await currentRelease(stateRoot)).id;
  } catch (error) {
    if (error instanceof AppError && error.code === "NO_RELEASE") return undefined;
    throw error;
  }
}
