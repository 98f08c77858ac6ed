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
  /** The key before, for as long as somebody may have to see its signature beside the current one's. */
  retiring(): Signer | undefined;
  /**
   * Lets `vouch` record the next key, and then makes it the current one. A process that dies between the two finds the next key
   * beside the one before, and `settle` decides.
   */
  replace(vouch: (next: Signer) => Promise<void>): Promise<Signer>;
  /** Forgets the key before: nobody needs its signature any more. */
  retire(): Promise<void>;
  /** On start: whether a next key that lies there is the one that the log names. */
  settle(named: string | undefined): Promise<void>;
};

/** `path` is the PEM file of the key, made where it is missing. Throws AppError KEY_UNREADABLE (preflight). */
export async function openSigningKeys(path: string, name: string): Promise<SigningKeys> {
  const nextPath = `${path}.next`;
  let current = signerOf(name, NOTE_SIGNATURE, await readOrMakeKey(path));
  let retiring: Signer | undefined;

  function handOver(next: Signer): void {
    retiring = current;
    current = next;
  }

  return {
    current: () => current,
    retiring: () => retiring,
    replace: async (vouch) => {
      const key = newSigningKey();
      const next = signerOf(name, NOTE_SIGNATURE, key);
      await writeKey(nextPath, key);
      await vouch(next);
      handOver(next);
      return next;
    },
    retire: async () => {
      if (retiring === undefined) return;
      await rename(nextPath, path);
      await syncPath(dirname(path));
      retiring = undefined;
    },
    settle: async (named) => {
      const key = await readKey(nextPath);
      if (key === undefined) return;
      const next = signerOf(name, NOTE_SIGNATURE, key);
      if (next.vkey === named) handOver(next);
    },
  };
}
