/** The fields of a Release file: https://wiki.debian.org/DebianRepository/Format. Reads verified text only. */
import { digestFromHex, type Digest } from "../../../shared/digest.ts";
import { parseRelativePath } from "../../../shared/relative-path.ts";
import { fieldOf, parseStanzas, type Stanza } from "./control.ts";
import { malformed } from "./release-errors.ts";

export type IndexFile = { readonly sha256: Digest; readonly sizeBytes: number };

export type ReleaseFields = {
  readonly codename: string;
  /** `stable`, `oldstable`, …: it moves from one release to the next while the codename stays. */
  readonly archiveSuite: string;
  /** Seconds since 1970. */
  readonly date: number;
  readonly validUntil?: number;
  /** Whether indexes are also served under by-hash/SHA256/<hex>, where a mirror's update cannot swap them mid-way. */
  readonly acquireByHash: boolean;
  /** By path below the suite's folder; the SHA256 list alone is read. */
  readonly files: ReadonlyMap<string, IndexFile>;
};

const FILE_LINE = /^([0-9a-f]{64}) +(\d+) +(\S+)$/;

/** Throws AppError RELEASE_MALFORMED (integrity), and what the control syntax throws. */
export function parseReleaseFields(text: string, suite: string): ReleaseFields {
  const [stanza, second] = parseStanzas(text);
  if (stanza === undefined || second !== undefined) throw malformed(suite, "it is not one stanza");
  const validUntil = fieldOf(stanza, "Valid-Until");
  return {
    codename: required(stanza, "Codename", suite),
    archiveSuite: fieldOf(stanza, "Suite") ?? "",
    date: parseDate(required(stanza, "Date", suite), suite),
    ...(validUntil === undefined ? {} : { validUntil: parseDate(validUntil, suite) }),
    acquireByHash: fieldOf(stanza, "Acquire-By-Hash") === "yes",
    files: parseFiles(required(stanza, "SHA256", suite), suite),
  };
}

function parseFiles(text: string, suite: string): ReadonlyMap<string, IndexFile> {
  const files = new Map<string, IndexFile>();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const [, hex, size, path] = FILE_LINE.exec(line.trim()) ?? [];
    const sizeBytes = Number(size);
    if (hex === undefined || path === undefined || !Number.isSafeInteger(sizeBytes)) {
      throw malformed(suite, `"${line.slice(0, 120)}" is not a digest, a size and a path`);
    }
    if (files.has(path)) throw malformed(suite, `"${path}" is listed twice`);
    files.set(parseRelativePath(path), { sha256: digestFromHex(hex), sizeBytes });
  }
  if (files.size === 0) throw malformed(suite, "its SHA256 list is empty");
  return files;
}

/**
 * RFC 1123 in UTC, as archives write it. Written back and compared, so that 31 February and a wrong day of the week are refused.
 */
function parseDate(text: string, suite: string): number {
  const padded = text.replace(/^\w{3}, (?=\d )/, "$&0").replace(/ (?:UTC|\+0000)$/, " GMT");
  const milliseconds = Date.parse(padded);
  if (Number.isNaN(milliseconds) || new Date(milliseconds).toUTCString() !== padded) {
    throw malformed(suite, `"${text.slice(0, 60)}" is no date in UTC`);
  }
  return milliseconds / 1000;
}

function required(stanza: Stanza, field: string, suite: string): string {
  const value = fieldOf(stanza, field);
  if (value !== undefined && value !== "") return value;
  throw malformed(suite, `it has no ${field}`);
}
