import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { byKey } from "../../shared/order.ts";
import { bytesMember, type ApplianceMember } from "./member.ts";

/**
 * The regular files below a folder of the repository, as they are and with one mode, under `prefix`. Names that begin with a
 * dot are editors' and tools' own; `keep` says which of the others go along.
 */
export async function folderMembers(
  folder: string,
  prefix: string,
  keep = (_name: string): boolean => true,
): Promise<readonly ApplianceMember[]> {
  const entries = (await readdir(folder, { withFileTypes: true })).sort(byKey((entry) => entry.name));
  const members: ApplianceMember[] = [];
  for (const entry of entries) {
    const { name } = entry;
    const path = join(folder, name);
    if (name.startsWith(".")) continue;
    if (entry.isDirectory()) members.push(...(await folderMembers(path, `${prefix}/${name}`, keep)));
    if (entry.isFile() && keep(name)) members.push(bytesMember(`${prefix}/${name}`, await readFile(path)));
  }
  return members;
}
