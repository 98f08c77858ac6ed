/** The air-gapped side of the demo: the appliance's own program, in the world's host namespace, with nothing of the workshop's. */
import { join } from "node:path";
import { AppError } from "../../shared/errors.ts";
import { exec, PLAIN_ENVIRONMENT } from "../../shared/exec.ts";
import type { Reporter } from "../../shared/reporter.ts";
import type { World } from "../../world/world.ts";

export type FarSide = {
  readonly stateRoot: string;
  /** Runs a verb with --json and returns what it printed. Throws AppError FAR_SIDE (of the class that its exit code says). */
  run(args: readonly string[], accept?: readonly number[]): Promise<FarResult>;
};

type FarResult = { readonly exitCode: number; readonly data: unknown };

const TIMEOUT_MS = 1_200_000;

/** Takes bin/ out of the tar with tar, as an operator would, and uses nothing else from then on. */
export async function openFarSide(
  world: World,
  appliance: string,
  { reporter, signal }: { readonly reporter: Reporter; readonly signal: AbortSignal },
): Promise<FarSide> {
  const folder = join(world.folder, "far");
  const stateRoot = join(folder, "state");
  await exec("mkdir", ["-p", folder]);
  await exec("tar", ["-xf", appliance, "-C", folder, "bin"]);
  const program = join(folder, "bin/cloister");
  const env = { ...PLAIN_ENVIRONMENT, DOCKER_HOST: world.engineAddress, CLOISTER_STATE: stateRoot };
  return {
    stateRoot,
    run: async (args, accept = []) => {
      reporter.step(`cloister ${args.join(" ")}`);
      const options = { env, timeoutMs: TIMEOUT_MS, signal, accept: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] };
      const { exitCode, stdout, stderr } = await world.exec(program, [...args, "--json", "--quiet"], options);
      if (exitCode !== 0 && !accept.includes(exitCode)) throw failed(args, exitCode, stderr);
      return { exitCode, data: JSON.parse(stdout) };
    },
  };
}

function failed(args: readonly string[], exitCode: number, stderr: string): AppError {
  return new AppError(
    { class: "engine", code: "FAR_SIDE" },
    `Cannot go on with the demo: "cloister ${args.join(" ")}" on the far side ended with exit code ${exitCode}: ${stderr.trim()}`,
    { fields: { exitCode, stderr } },
  );
}
