import { open } from "node:fs/promises";
import { join } from "node:path";
import { readLock } from "../../../src/builder/lock/read.ts";
import { unpackWheel } from "../../../src/builder/wheel/unpack-wheel.ts";
import type { WheelFile } from "../../../src/builder/wheel/unpacked.ts";
import { filledStore } from "./built-root.ts";

const IMAGES = join(import.meta.dirname, "../../../images");

/** The wheel of Open WebUI that the lock names, fetched where the store lacks it, as text by path. */
export async function readPinnedWheel(isWanted: (path: string) => boolean): Promise<PinnedWheel> {
  const { lock } = await readLock(IMAGES, "open-webui");
  const wheel = lock.wheels?.files.find(({ project }) => project === "open-webui");
  if (wheel === undefined) throw new Error("The lock names no wheel of open-webui");
  const store = await filledStore([lock]);
  const { files } = await unpackWheel(wheel, { store });
  const texts = new Map<string, string>();
  for (const file of files)
    if (isWanted(file.path)) texts.set(file.path, await textOf(file, store.pathOf(file.content.blob)));
  return { version: wheel.version, paths: files.map(({ path }) => path), texts };
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
