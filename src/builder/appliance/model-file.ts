import type { Json } from "../../shared/canonical-json.ts";
import type { Digest } from "../../shared/digest.ts";

/** A GGUF file on this machine, to be carried under its digest: what it was called here is nobody's business there. */
export type ModelFile = {
  readonly hostPath: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly name: string;
  readonly architecture: string;
  /** models/<sha256>.json: what to compare the file with, kept also outside the machine. */
  readonly card: Json;
};
