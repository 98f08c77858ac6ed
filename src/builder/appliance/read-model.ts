import { createReadStream } from "node:fs";
import { createHasher } from "../../shared/digest.ts";
import { readGguf } from "../../shared/gguf/read.ts";
import { FORMAT } from "../format.ts";
import type { ModelFile } from "./model-file.ts";

/** Throws what readGguf throws: MODEL_MISSING (unavailable), GGUF_MALFORMED (integrity). */
export async function readModel(hostPath: string, signal?: AbortSignal): Promise<ModelFile> {
  const header = await readGguf(hostPath);
  const hasher = createHasher();
  const chunks: AsyncIterable<Uint8Array> = createReadStream(hostPath, { highWaterMark: 1 << 20 });
  for await (const chunk of chunks) {
    signal?.throwIfAborted();
    hasher.update(chunk);
  }
  const { digest, sizeBytes } = hasher.finish();
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
