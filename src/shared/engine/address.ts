import { AppError } from "../errors.ts";

const DEFAULT_SOCKET = "unix:///var/run/docker.sock";

/** --engine, else DOCKER_HOST, else Docker's own default. Throws ENGINE_ADDRESS (usage): a sealed host's engine is on a Unix socket. */
export function engineAddress(given: string | undefined, env: NodeJS.ProcessEnv): string {
  const address = given ?? env["DOCKER_HOST"] ?? DEFAULT_SOCKET;
  if (/^unix:\/\/\/./.test(address)) return address;
  throw new AppError(
    { class: "usage", code: "ENGINE_ADDRESS" },
    `Cannot use the engine "${address}": expected a Unix socket, unix:///path/to/docker.sock`,
    { hint: "An engine behind a network port can be spoken to by others as well", fields: { address } },
  );
}

export function socketPathOf(address: string): string {
  return address.slice("unix://".length);
}
