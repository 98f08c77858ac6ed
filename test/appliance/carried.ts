/** A small appliance by the real writer, as files in memory that a test can damage before it carries them. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeAppliance } from "../../src/builder/appliance/write.ts";
import { digestOf, hexOf } from "../../src/shared/digest.ts";
import { byKey } from "../../src/shared/order.ts";
import { silentReporter as reporter } from "../../src/shared/reporter.ts";
import type { TarMember } from "../../src/shared/tar/header.ts";
import { createTarIndexer } from "../../src/shared/tar/index-tar.ts";
import { writeTar } from "../../src/shared/tar/write.ts";
import { smallPlan } from "../builder/appliance/small-appliance.ts";
import { temporaryFolder, temporaryStore } from "../builder/temporary.ts";

export type Files = Map<string, Buffer>;

const PLAIN = { uid: 0, gid: 0, mtime: 0, mode: 0o644, linkTarget: "" } as const;

export async function smallFiles(): Promise<Files> {
  const store = await temporaryStore();
  const out = join(await temporaryFolder(), "small.tar");
  await writeAppliance(await smallPlan(store), out, { store, reporter });
  return filesOf(await readFile(out));
}

export function filesOf(tar: Buffer): Files {
  const indexer = createTarIndexer("small.tar");
  indexer.push(tar);
  const members = indexer.finish().filter(({ kind }) => kind === "file");
  return new Map(
    members.map(({ path, offset, sizeBytes }) => [
      path,
      Buffer.from(tar.subarray(offset, offset + sizeBytes)),
    ]),
  );
}

/** SHA256SUMS over what the files are now: what somebody writes who wants a change to go unnoticed. */
export function fixSums(files: Files): void {
  const lines = [...files]
    .filter(([path]) => path !== "SHA256SUMS")
    .sort(byKey(([path]) => path))
    .map(([path, bytes]) => `${hexOf(digestOf(bytes))}  ${path}\n`);
  files.set("SHA256SUMS", Buffer.from(lines.join("")));
}

export function flip(files: Files, path: string, at = 0): void {
  const bytes = files.get(path);
  if (bytes === undefined) throw new Error(`There is no "${path}"`);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
}

/** `edit` says of what shape the document is; it is ours, just written. */
export function editJson(files: Files, path: string, edit: (value: never) => void): void {
  const value: unknown = JSON.parse(files.get(path)?.toString() ?? "");
  edit(value as never);
  files.set(path, Buffer.from(JSON.stringify(value)));
}

export async function asTar(files: Files): Promise<string> {
  return await tarWith(
    [...files].map(([path, bytes]) => ({ ...PLAIN, path, kind: "file", sizeBytes: bytes.length, bytes })),
  );
}

type Member = Partial<TarMember> & Pick<TarMember, "path" | "kind"> & { readonly bytes?: Buffer };

/** Whatever members, in whatever order. */
export async function tarWith(members: readonly Member[]): Promise<string> {
  const sources = members.map(({ bytes, ...member }) => ({
    ...PLAIN,
    sizeBytes: bytes?.length ?? 0,
    ...member,
    content: () => [bytes ?? Buffer.alloc(0)],
  }));
  const path = join(await temporaryFolder(), "carried.tar");
  await writeFile(path, await Array.fromAsync(writeTar(sources)));
  return path;
}

export async function asFolder(files: Files): Promise<string> {
  const folder = await temporaryFolder();
  for (const [path, bytes] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  return folder;
}
