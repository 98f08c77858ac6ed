import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { afterAll, beforeAll } from "vitest";

/**
 * Inside the file that calls this, code of the builder that reads the clock or draws a random number fails, and folders
 * are listed backwards: what depends on their order then differs from what another file's test expects.
 */
export function guardDeterminism(): void {
  const now = Date.now;
  const random = Math.random;
  const readdir = fs.promises.readdir;
  beforeAll(() => {
    Date.now = () => ourStack("Date.now") ?? now();
    Math.random = () => ourStack("Math.random") ?? random();
    Object.assign(fs.promises, {
      readdir: async (...args: Parameters<typeof readdir>) => (await readdir(...args)).toReversed(),
    });
    syncBuiltinESMExports();
  });
  afterAll(() => {
    Date.now = now;
    Math.random = random;
    Object.assign(fs.promises, { readdir });
    syncBuiltinESMExports();
  });
}

/** vitest itself asks for the time: only calls that come from the builder are refused. */
function ourStack(what: string): undefined {
  if (/\/src\/builder\//.test(new Error(what).stack ?? "")) throw new Error(`${what} inside the builder`);
  return undefined;
}
