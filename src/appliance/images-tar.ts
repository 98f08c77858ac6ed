/** images/ as the tar that an engine reads, each file hashed on its way: a wrong byte ends the stream before the engine has it all. */
import { createHasher } from "../shared/digest.ts";
import { parseRelativePath } from "../shared/relative-path.ts";
import type { TarMember } from "../shared/tar/header.ts";
import { writeTar, type TarSource } from "../shared/tar/write.ts";
import { notIntact, type CheckedAppliance } from "./check-appliance.ts";
import type { Appliance, CarriedFile } from "./open-appliance.ts";

const PREFIX = "images/";
const PLAIN = { uid: 0, gid: 0, mtime: 0, linkTarget: "" };

/** Throws APPLIANCE_NOT_INTACT (integrity) out of the stream. `onBytes` is told of every chunk. */
export function imagesTar(
  appliance: Appliance,
  checked: CheckedAppliance,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const files = appliance.entries.filter(({ path }) => path.startsWith(PREFIX));
  return writeTar([...folders(), ...files.map((file) => toSource(file))]);

  function toSource(file: CarriedFile): TarSource {
    const { path, sizeBytes } = file;
    const member = {
      ...PLAIN,
      path: path.slice(PREFIX.length),
      kind: "file",
      mode: 0o644,
      sizeBytes,
    } as const;
    return { ...member, content: () => verified(file) };
  }

  async function* verified(file: CarriedFile): AsyncGenerator<Uint8Array> {
    const hasher = createHasher();
    for await (const chunk of appliance.read(file.path)) {
      hasher.update(chunk);
      onBytes(chunk.length);
      yield chunk;
    }
    const { digest } = hasher.finish();
    const expected = checked.sums.get(parseRelativePath(file.path));
    if (digest !== expected)
      throw notIntact(appliance, [`"${file.path}" has ${digest}, expected ${expected ?? "no such file"}`]);
  }
}

function folders(): readonly TarMember[] {
  return ["blobs", "blobs/sha256"].map((path) => ({
    ...PLAIN,
    path,
    kind: "directory",
    mode: 0o755,
    sizeBytes: 0,
  }));
}
