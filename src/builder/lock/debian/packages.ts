/** A suite's Packages index: one stanza a package, of which we keep what resolving and locking need. */
import { digestFromHex, type Digest } from "../../../shared/digest.ts";
import { AppError, messageOf } from "../../../shared/errors.ts";
import { parseRelativePath, type RelativePath } from "../../../shared/relative-path.ts";
import { fieldOf, parseStanzas, type Stanza } from "./control.ts";

export type PackageRecord = {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly multiArch: "no" | "same" | "foreign" | "allowed";
  readonly essential: boolean;
  readonly priority: string;
  readonly section: string;
  /** Relations as written, empty where there are none: most of an index is never looked at, so they are parsed when asked. */
  readonly preDepends: string;
  readonly depends: string;
  readonly provides: string;
  readonly conflicts: string;
  readonly breaks: string;
  readonly source: { readonly name: string; readonly version: string };
  /** The `Filename`: relative to the mirror's root. */
  readonly path: RelativePath;
  readonly sizeBytes: number;
  readonly sha256: Digest;
  readonly suite: string;
};

const NAME = /^[a-z0-9][a-z0-9+.-]+$/;
const SOURCE = /^([a-z0-9][a-z0-9+.-]+)(?: \(([^()\s]+)\))?$/;
const STANZA_END = "\n\n";
const MAX_STANZA_BYTES = 4 * 1024 * 1024;

/**
 * Reads an uncompressed Packages index piece by piece, so that the whole text is never in memory at once.
 * Throws AppError PACKAGES_MALFORMED (integrity), and CONTROL_MALFORMED (integrity) from the control syntax.
 */
export async function parsePackages(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  suite: string,
): Promise<readonly PackageRecord[]> {
  const records: PackageRecord[] = [];
  for await (const text of wholeStanzas(chunks, suite)) {
    for (const stanza of parseStanzas(text)) records.push(recordOf(stanza, suite));
  }
  return records;
}

async function* wholeStanzas(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  suite: string,
): AsyncGenerator<string> {
  let pending = Buffer.alloc(0);
  for await (const chunk of chunks) {
    pending = pending.length === 0 ? Buffer.from(chunk) : Buffer.concat([pending, chunk]);
    const end = pending.lastIndexOf(STANZA_END);
    if (end === -1 && pending.length > MAX_STANZA_BYTES) throw malformed(suite, "a stanza has no end");
    if (end === -1) continue;
    yield decode(pending.subarray(0, end + 1), suite);
    pending = pending.subarray(end + STANZA_END.length);
  }
  if (pending.length > 0) yield decode(pending, suite);
}

function decode(bytes: Uint8Array, suite: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw malformed(suite, `its text is not UTF-8: ${messageOf(error)}`);
  }
}

function recordOf(stanza: Stanza, suite: string): PackageRecord {
  const name = required(stanza, "Package", suite);
  if (!NAME.test(name)) throw malformed(suite, `"${name.slice(0, 80)}" is no package name`);
  const version = required(stanza, "Version", suite);
  return {
    name,
    version,
    architecture: required(stanza, "Architecture", suite),
    multiArch: multiArchOf(stanza, suite),
    essential: optional(stanza, "Essential") === "yes",
    priority: optional(stanza, "Priority"),
    section: optional(stanza, "Section"),
    preDepends: optional(stanza, "Pre-Depends"),
    depends: optional(stanza, "Depends"),
    provides: optional(stanza, "Provides"),
    conflicts: optional(stanza, "Conflicts"),
    breaks: optional(stanza, "Breaks"),
    source: sourceOf(stanza, { name, version }, suite),
    path: parseRelativePath(required(stanza, "Filename", suite)),
    sizeBytes: sizeOf(stanza, suite),
    sha256: sha256Of(stanza, suite),
    suite,
  };
}

/** `Source` is written only where it differs from the binary package, with a version only where that differs too. */
function sourceOf(
  stanza: Stanza,
  binary: { readonly name: string; readonly version: string },
  suite: string,
): PackageRecord["source"] {
  const text = optional(stanza, "Source");
  if (text === "") return binary;
  const [, name, version] = SOURCE.exec(text) ?? [];
  if (name === undefined) throw malformed(suite, `"${text.slice(0, 80)}" is no source package`);
  return { name, version: version ?? binary.version };
}

function multiArchOf(stanza: Stanza, suite: string): PackageRecord["multiArch"] {
  const text = optional(stanza, "Multi-Arch");
  if (text === "") return "no";
  if (text === "no" || text === "same" || text === "foreign" || text === "allowed") return text;
  throw malformed(suite, `"${text.slice(0, 80)}" is no Multi-Arch value`);
}

function sizeOf(stanza: Stanza, suite: string): number {
  const text = required(stanza, "Size", suite);
  const size = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(size)) throw malformed(suite, `"${text}" is no size`);
  return size;
}

function sha256Of(stanza: Stanza, suite: string): Digest {
  const text = required(stanza, "SHA256", suite);
  if (!/^[0-9a-f]{64}$/.test(text)) throw malformed(suite, `"${text.slice(0, 80)}" is no SHA256`);
  return digestFromHex(text);
}

function required(stanza: Stanza, field: string, suite: string): string {
  const value = optional(stanza, field);
  if (value !== "") return value;
  throw malformed(suite, `the stanza of "${optional(stanza, "Package")}" has no ${field}`);
}

/** A copy: a slice would keep the whole text that it was cut from in memory for as long as the record lives. */
function optional(stanza: Stanza, field: string): string {
  const value = fieldOf(stanza, field);
  return value === undefined ? "" : Buffer.from(value).toString();
}

function malformed(suite: string, why: string): AppError {
  return new AppError(
    { class: "integrity", code: "PACKAGES_MALFORMED" },
    `Cannot use the package index of "${suite}": ${why}`,
    { fields: { suite } },
  );
}
