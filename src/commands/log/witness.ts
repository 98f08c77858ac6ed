/** What the witness says of a log, asked over its socket where one is there. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { stateRoot, witnessSocket } from "../../appliance/state.ts";
import { parseVerifier, type Verifier } from "../../audit/notes/keys.ts";
import { AppError } from "../../shared/errors.ts";
import { askLocal } from "../../shared/local-http.ts";
import type { CommandContext, CommandInput, CommandOption } from "../command.ts";

export const WITNESS_OPTIONS = {
  witness: {
    type: "string",
    value: "SOCKET",
    help: "where the witness answers (CLOISTER_WITNESS, else run/witness/witness.sock in the state folder)",
  },
  "witness-key": {
    type: "string",
    value: "VKEY",
    help: "the witness's key, as you were told it; without this, it is the one that the witness names",
  },
} as const satisfies Readonly<Record<string, CommandOption>>;

export type Witness = {
  readonly key: Verifier;
  /** The newest note of this log that it has cosigned, by its own word. */
  readonly head?: string;
};

/** undefined where no socket is there and no key was given. Throws AppError WITNESS_OTHER (authenticity), VKEY_INVALID (usage). */
export async function witnessOf(
  input: CommandInput,
  { env, cwd }: CommandContext,
  origin: string,
): Promise<Witness | undefined> {
  const given = input.text("witness-key");
  const trusted = given === undefined ? undefined : parseVerifier(given);
  const named = input.text("witness") ?? env["CLOISTER_WITNESS"];
  const socketPath = resolve(cwd, named ?? witnessSocket(stateRoot(input.text("state"), env)));
  // Who names a socket wants an answer from it; the usual one is missing where no stack runs.
  if (named === undefined && !existsSync(socketPath))
    return trusted === undefined ? undefined : { key: trusted };
  const key = parseVerifier((await get(socketPath, "/vkey")).body);
  if (trusted !== undefined && trusted.vkey !== key.vkey) throw another(trusted.vkey, key.vkey);
  const { status, body } = await get(socketPath, `/head?origin=${encodeURIComponent(origin)}`);
  return status === 200 ? { key, head: body } : { key };
}

async function get(socketPath: string, path: string) {
  return await askLocal({ socketPath }, { method: "GET", path });
}

function another(expected: string, received: string): AppError {
  return new AppError(
    { class: "authenticity", code: "WITNESS_OTHER" },
    `Cannot believe the witness: its key is ${received}, expected ${expected}`,
    { fields: { expected, received } },
  );
}
