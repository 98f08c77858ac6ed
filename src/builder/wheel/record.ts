/** RECORD of an installed or packed distribution: CSV of path, digest and size, one line a file (Recording installed projects; PEP 376, 427). */
import { createHash } from "node:crypto";
import type { Digest } from "../../shared/digest.ts";
import { hexOf } from "../../shared/digest.ts";
import { malformedWheel } from "./malformed.ts";

export type RecordLine = {
  /** As it is written: below the folder that holds the .dist-info. */
  readonly path: string;
  /** undefined for RECORD itself, and for signatures of it. */
  readonly hash?: RecordHash;
  readonly sizeBytes?: number;
};

type RecordHash = {
  readonly algorithm: Algorithm;
  /** base64url without padding */
  readonly value: string;
};

/** Anything weaker is forbidden. */
const ALGORITHMS = ["sha256", "sha384", "sha512"] as const;
type Algorithm = (typeof ALGORITHMS)[number];

const LINE = /^(?:"(?<quoted>(?:[^"]|"")*)"|(?<plain>[^",]*)),(?<hash>[^",]*),(?<size>\d*)$/;
const HASH = /^(?<said>\w+)=(?<value>[A-Za-z0-9_-]+)=*$/;

/** Throws WHEEL_MALFORMED (integrity) for a line that is none, a weak or unknown digest, and one path twice. */
export function parseRecord(text: string, name: string): ReadonlyMap<string, RecordLine> {
  const lines = new Map<string, RecordLine>();
  for (const line of text.split(/\r?\n/)) {
    if (line === "") continue;
    const parsed = parseLine(line, name);
    if (lines.has(parsed.path)) throw malformedWheel(name, `its RECORD has "${parsed.path}" twice`);
    lines.set(parsed.path, parsed);
  }
  return lines;
}

function parseLine(line: string, name: string): RecordLine {
  const groups = LINE.exec(line)?.groups;
  const path = groups?.["quoted"]?.replaceAll('""', '"') ?? groups?.["plain"];
  if (path === undefined || path === "") throw badLine(line, name);
  const { hash = "", size = "" } = groups ?? {};
  return {
    path,
    ...(hash === "" ? {} : { hash: parseHash(hash, line, name) }),
    ...(size === "" ? {} : { sizeBytes: Number(size) }),
  };
}

function parseHash(text: string, line: string, name: string): RecordHash {
  const { said, value } = HASH.exec(text)?.groups ?? {};
  const algorithm = ALGORITHMS.find((one) => one === said);
  if (algorithm === undefined || value === undefined) throw badLine(line, name);
  return { algorithm, value };
}

function badLine(line: string, name: string) {
  return malformedWheel(
    name,
    `its RECORD has the line ${JSON.stringify(line.slice(0, 200))}, expected path, sha256 or longer, size`,
  );
}

export function createRecordHash({ algorithm }: RecordHash) {
  const hash = createHash(algorithm);
  return { update: (chunk: Uint8Array) => void hash.update(chunk), finish: () => hash.digest("base64url") };
}

/** In the order given; a path with a comma or a quote is quoted. */
export function formatRecord(
  lines: readonly { readonly path: string; readonly digest?: Digest; readonly sizeBytes?: number }[],
): string {
  return lines
    .map(({ path, digest, sizeBytes }) => {
      const shown = /[",]/.test(path) ? `"${path.replaceAll('"', '""')}"` : path;
      const hash =
        digest === undefined ? "" : `sha256=${Buffer.from(hexOf(digest), "hex").toString("base64url")}`;
      return `${shown},${hash},${sizeBytes ?? ""}\n`;
    })
    .join("");
}
