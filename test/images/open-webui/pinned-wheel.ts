import { open } from "node:fs/promises";
import { join } from "node:path";
import { fetchInputs } from "../../../src/builder/fetch/fetch.ts";
import { readMirrors } from "../../../src/builder/lock/mirrors.ts";
import { readLock } from "../../../src/builder/lock/read.ts";
import { addressOf } from "../../../src/builder/lock/registry/address.ts";
import { unpackWheel } from "../../../src/builder/wheel/unpack-wheel.ts";
import type { WheelFile } from "../../../src/builder/wheel/unpacked.ts";
import { openHttp } from "../../../src/shared/http.ts";
import { silentReporter as reporter } from "../../../src/shared/reporter.ts";
import { defaultStoreRoot } from "../../../src/shared/store/location.ts";
import { openStore } from "../../../src/shared/store/store.ts";

const IMAGES = join(import.meta.dirname, "../../../images");

/** The wheel of Open WebUI that the lock names, fetched where the store lacks it, as text by path. */
export async function readPinnedWheel(isWanted: (path: string) => boolean): Promise<PinnedWheel> {
  const store = await openStore(defaultStoreRoot(process.env));
  const { lock } = await readLock(IMAGES, "open-webui");
  const wheel = lock.wheels?.files.find(({ project }) => project === "open-webui");
  if (wheel === undefined) throw new Error("The lock names no wheel of open-webui");
  if (!(await store.has(wheel.sha256))) await fetchAll();
  const { files } = await unpackWheel(wheel, { store });
  const texts = new Map<string, string>();
  for (const file of files)
    if (isWanted(file.path)) texts.set(file.path, await textOf(file, store.pathOf(file.content.blob)));
  return { version: wheel.version, paths: files.map(({ path }) => path), texts };

  async function fetchAll(): Promise<void> {
    const http = openHttp({ env: process.env, reporter });
    const mirrors = readMirrors([], { env: process.env, cwd: "/" });
    const options = { store, http, reporter, env: process.env, jobs: 4 };
    try {
      await fetchInputs([lock], { ...options, addressOf: (file) => addressOf(file, { mirrors, http }) });
    } finally {
      await http.close();
    }
  }
}

export type PinnedWheel = {
  readonly version: string;
  readonly paths: readonly string[];
  /** Of the files that were wanted. */
  readonly texts: ReadonlyMap<string, string>;
};

async function textOf({ content }: WheelFile, blob: string): Promise<string> {
  const handle = await open(blob);
  try {
    const bytes = Buffer.alloc(content.sizeBytes);
    await handle.read(bytes, 0, bytes.length, content.offset);
    return bytes.toString("utf8");
  } finally {
    await handle.close();
  }
}
