/**
 * GGUF (ggml's docs/gguf.md), versions 2 and 3, little-endian: "GGUF", u32 version, u64 tensors, u64 metadata pairs, the pairs,
 * the tensor table, padding, tensor data. Only the header is read, and every number in it is believed only as far as the file goes.
 */
import { open } from "node:fs/promises";
import { AppError, isErrno } from "../errors.ts";
import { openCursor, type ByteRanges, type Cursor } from "./cursor.ts";
import { malformed } from "./malformed.ts";
import { readMetadata, type Metadata } from "./metadata.ts";
import { padded, readTensors } from "./tensors.ts";

export type GgufHeader = {
  readonly version: 2 | 3;
  readonly architecture: string;
  /** general.name, one line; "unnamed" where there is none. */
  readonly name: string;
  readonly tensorCount: number;
  readonly parameterCount: number;
  /** The tensor type that takes the most bytes: F16, Q4_K, … */
  readonly quantisation: string;
  readonly contextLength: number | undefined;
  /** Every metadata key, in the file's order. */
  readonly keys: readonly string[];
  readonly sizeBytes: number;
};

const MAGIC = 0x46554747;
const DEFAULT_ALIGNMENT = 32;
const MAX_ALIGNMENT = 1 << 20;
const MAX_NAME_LENGTH = 200;

/** Throws AppError MODEL_MISSING (unavailable) where no file is, GGUF_MALFORMED (integrity) for what is no whole GGUF file. */
export async function readGguf(path: string): Promise<GgufHeader> {
  const file = await openModel(path);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw malformed(path, "it is not a regular file", "a file");
    const read = async (target: Uint8Array, offset: number) =>
      (await file.read(target, 0, target.length, offset)).bytesRead;
    return await readGgufFrom(path, { sizeBytes: stats.size, read });
  } finally {
    await file.close();
  }
}

/** The same for anything that can be read at offsets; `path` is what messages call it. */
export async function readGgufFrom(path: string, source: ByteRanges): Promise<GgufHeader> {
  const cursor = openCursor(path, source);
  const version = await readVersion(path, cursor);
  const tensorCount = await cursor.u64("the number of tensors");
  const metadata = await readMetadata(path, cursor, await cursor.u64("the number of metadata keys"));
  const alignment = readAlignment(path, metadata);
  const tensors = await readTensors(path, cursor, { count: tensorCount, alignment });
  assertWhole(path, source.sizeBytes, padded(cursor.position(), alignment) + tensors.dataBytes);
  const architecture = readArchitecture(path, metadata);
  return {
    version,
    architecture,
    name: nameOf(metadata),
    tensorCount,
    parameterCount: tensors.parameterCount,
    quantisation: tensors.quantisation,
    contextLength: numberAt(metadata, `${architecture}.context_length`),
    keys: [...metadata.keys()],
    sizeBytes: source.sizeBytes,
  };
}

async function openModel(path: string) {
  try {
    return await open(path, "r");
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    throw new AppError(
      { class: "unavailable", code: "MODEL_MISSING" },
      `Cannot read model "${path}": no such file, expected a GGUF file`,
      { cause: error, fields: { path }, hint: "Check the path; a model is never downloaded" },
    );
  }
}

async function readVersion(path: string, cursor: Cursor): Promise<2 | 3> {
  const magic = cursor.remaining() < 4 ? 0 : await cursor.u32("the first four bytes");
  if (magic !== MAGIC) throw malformed(path, 'it does not begin with "GGUF"', "a GGUF file");
  const version = await cursor.u32("the version");
  if (version === 2 || version === 3) return version;
  const swapped = version === 0x02000000 || version === 0x03000000;
  throw malformed(
    path,
    swapped ? "it is big-endian" : `its version is ${version}`,
    "version 2 or 3, little-endian",
  );
}

/** A power of two in every file there is; ggml asks for a multiple of 8. */
function readAlignment(path: string, metadata: Metadata): number {
  if (!metadata.has("general.alignment")) return DEFAULT_ALIGNMENT;
  const alignment = numberAt(metadata, "general.alignment") ?? 0;
  if (alignment >= 8 && alignment <= MAX_ALIGNMENT && Number.isInteger(Math.log2(alignment)))
    return alignment;
  throw malformed(path, `its alignment is ${alignment}`, "a power of two of at least 8");
}

function assertWhole(path: string, sizeBytes: number, endBytes: number): void {
  if (endBytes <= sizeBytes) return;
  throw malformed(path, `it is cut short after ${sizeBytes} bytes`, `${endBytes}`);
}

function readArchitecture(path: string, metadata: Metadata): string {
  const value = metadata.get("general.architecture");
  if (value?.kind !== "text") throw malformed(path, 'it has no "general.architecture"', "the name of one");
  if (!/^[a-z0-9][a-z0-9._-]{0,63}$/.test(value.value))
    throw malformed(path, `its architecture is ${JSON.stringify(value.value.slice(0, 80))}`, "a short name");
  return value.value;
}

/** It reaches terminals and JSON: one line, no control characters, of a length that fits both. */
function nameOf(metadata: Metadata): string {
  const value = metadata.get("general.name");
  const name = value?.kind === "text" ? value.value.replaceAll(/\p{C}+/gu, " ").trim() : "";
  return name === "" ? "unnamed" : name.slice(0, MAX_NAME_LENGTH).toWellFormed();
}

function numberAt(metadata: Metadata, key: string): number | undefined {
  const value = metadata.get(key);
  return value?.kind === "number" && Number.isSafeInteger(value.value) ? value.value : undefined;
}
