import type { ApplianceModel } from "../../shared/appliance/manifest.ts";
import type { ContainerFacts } from "../../shared/engine/container-facts.ts";
import { type Digest } from "../../shared/digest.ts";
import { isErrno } from "../../shared/errors.ts";
import { hashFile } from "../../shared/hash-file.ts";
import { inconclusive, judgeFaults, type Check, type Question } from "../check.ts";

const QUESTION: Question = {
  id: "model-file",
  title: "The model's file is the pinned one, mounted read-only",
  where: "host",
  expected: "sha256 of appliance.json, mounted from the release and from nowhere else",
};

export async function checkModelFile(
  model: ApplianceModel,
  path: string,
  container: ContainerFacts | undefined,
): Promise<Check> {
  return judgeModelFile({ model, path, sha256: await hashIfThere(path) }, container);
}

export function judgeModelFile(
  {
    model,
    path,
    sha256,
  }: { readonly model: ApplianceModel; readonly path: string; readonly sha256: Digest | undefined },
  container: ContainerFacts | undefined,
): Check {
  if (sha256 === undefined || container === undefined)
    return inconclusive(QUESTION, {
      observed: sha256 === undefined ? `"${path}" is not there` : "no such container",
      reason: "The subject was not seen",
    });
  const mounts = container.mounts.filter(
    ({ target }) => target === "/models" || target.startsWith("/models/"),
  );
  const faults = [
    ...(sha256 === model.sha256 ? [] : [`sha256 ${sha256}`]),
    ...(mounts.length === 1 ? [] : [`${mounts.length} mounts at /models`]),
    ...mounts.flatMap(({ source }) => (source === path ? [] : [`mounted from "${source}"`])),
    ...mounts.flatMap(({ readOnly }) => (readOnly ? [] : ["mounted writable"])),
  ];
  return judgeFaults(QUESTION, faults, {
    observed: `${sha256}, ${model.sizeBytes} bytes, read-only`,
    reason: "Hashed anew just now",
  });
}

async function hashIfThere(path: string): Promise<Digest | undefined> {
  try {
    return (await hashFile(path)).digest;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
