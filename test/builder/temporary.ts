import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { openStore, type Store } from "../../src/shared/store/store.ts";

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

/** Gone when the tests of the file are done. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "cloister-test-"));
  folders.push(folder);
  return folder;
}

export async function temporaryStore(): Promise<Store> {
  return openStore(join(await temporaryFolder(), "store"));
}
