import { rename } from "node:fs/promises";
import { dirname } from "node:path";
import { syncPath } from "../../shared/file.ts";
import {
  newSigningKey,
  NOTE_SIGNATURE,
  readKey,
  readOrMakeKey,
  signerOf,
  writeKey,
  type Signer,
} from "../notes/keys.ts";

export type SigningKeys = {
  current(): Signer;
  /**
   * Lets `vouch` record the next key, and then makes it the current one. A process that dies between the two finds the next key
   * beside the current one, and `settle` decides.
   */
  replace(vouch: (next: Signer) => Promise<void>): Promise<Signer>;
  /** On start: whether a next key that lies there is the one that the log names. */
  settle(named: string | undefined): Promise<void>;
};

/** `path` is the PEM file of the key, made where it is missing. Throws AppError KEY_UNREADABLE (preflight). */
export async function openSigningKeys(path: string, name: string): Promise<SigningKeys> {
  const nextPath = `${path}.next`;
  let current = signerOf(name, NOTE_SIGNATURE, await readOrMakeKey(path));

  async function promote(next: Signer): Promise<void> {
    await rename(nextPath, path);
    await syncPath(dirname(path));
    current = next;
  }

  return {
    current: () => current,
    replace: async (vouch) => {
      const key = newSigningKey();
      const next = signerOf(name, NOTE_SIGNATURE, key);
      await writeKey(nextPath, key);
      await vouch(next);
      await promote(next);
      return next;
    },
    settle: async (named) => {
      const key = await readKey(nextPath);
      if (key === undefined) return;
      const next = signerOf(name, NOTE_SIGNATURE, key);
      if (next.vkey === named) await promote(next);
    },
  };
}
