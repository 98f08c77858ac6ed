import { readGguf } from "../../shared/gguf/read.ts";
import { hashFile } from "../../shared/hash-file.ts";
import { FORMAT } from "../format.ts";
import type { ModelFile } from "./model-file.ts";

/** Each model once, however often its file is named. Throws MODEL_MISSING (unavailable) and GGUF_MALFORMED (integrity). */
export async function readModels(
  hostPaths: readonly string[],
  signal?: AbortSignal,
): Promise<readonly ModelFile[]> {
  const models = new Map<string, ModelFile>();
  for (const hostPath of hostPaths) {
    const model = await readModel(hostPath, signal);
    models.set(model.digest, model);
  }
  return [...models.values()];
}

async function readModel(hostPath: string, signal: AbortSignal | undefined): Promise<ModelFile> {
  const header = await readGguf(hostPath);
  const { digest, sizeBytes } = await hashFile(hostPath, signal);
  const { name, architecture } = header;
  const card = {
    format: FORMAT,
    sha256: digest,
    sizeBytes,
    name,
    architecture,
    quantisation: header.quantisation,
    contextLength: header.contextLength,
    parameters: header.parameterCount,
    tensors: header.tensorCount,
    ggufVersion: header.version,
  };
  return { hostPath, digest, sizeBytes, name, architecture, card };
}
