import type Docker from "dockerode";
import { statusOf } from "./failure.ts";
import { orAborted } from "./or-aborted.ts";

const TIMEOUT_MS = 60_000;

/** Running or not, with its volumes; also where it has gone already, or somebody else is removing it at this moment. */
export async function removeContainer(container: Docker.Container): Promise<void> {
  const abortSignal = AbortSignal.timeout(TIMEOUT_MS);
  try {
    await container.remove({ force: true, v: true, abortSignal });
  } catch (error) {
    if (statusOf(error) === 409) await untilRemoved(container, abortSignal);
    else if (statusOf(error) !== 404) throw error;
  }
}

async function untilRemoved(container: Docker.Container, abortSignal: AbortSignal): Promise<void> {
  try {
    await orAborted(container.wait({ condition: "removed", abortSignal }), abortSignal);
  } catch (error) {
    if (statusOf(error) !== 404) throw error;
  }
}
