import { homedir } from "node:os";
import { join } from "node:path";

/** Where the store lies unless --store says otherwise: CLOISTER_STORE, else the user's cache folder. */
export function defaultStoreRoot(env: NodeJS.ProcessEnv): string {
  return env["CLOISTER_STORE"] ?? join(env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "cloister");
}
