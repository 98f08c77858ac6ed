/**
 * Reads the headers of an uncompressed tar as it streams past and says where each content lies, so that nothing is ever
 * unpacked to disk. Takes ustar, PAX and GNU long names (dpkg-deb writes the GNU ones).
 */
import { BLOCK_BYTES, checksum, paddedSize, tarError, type TarKind, type TarMember } from "./header.ts";

export type IndexedMember = Omit<TarMember, "kind"> & {
  readonly kind: TarKind | "character device" | "block device" | "fifo";
  /** Byte offset of the content within the tar. */
  readonly offset: number;
};

const KINDS: Readonly<Record<string, IndexedMember["kind"]>> = {
  "0": "file",
  "\0": "file",
  "7": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "character device",
  "4": "block device",
  "5": "directory",
  "6": "fifo",
};

/** Extended headers are read into memory; a longer one is refused. */
const MAX_EXTENDED_BYTES = 1 << 20;

type Overrides = {
  path?: string;
  linkpath?: string;
  size?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
};

/** Push every chunk in order, then call `finish`. Throws AppError TAR_MALFORMED (integrity) on anything cut short or misshapen. */
export type TarIndexer = {
  push(chunk: Uint8Array): void;
  /** How many bytes of content come next; they count as pushed, and whoever can seek need not read them. */
  passOver(): number;
  finish(): readonly IndexedMember[];
};

export function createTarIndexer(name: string): TarIndexer {
  const members: IndexedMember[] = [];
  let overrides: Overrides = {};
  let state:
    | { kind: "header" }
    | { kind: "skip"; left: number }
    | { kind: "extended"; flag: string; size: number }
    | { kind: "end" } = { kind: "header" };
  let pending: Uint8Array = new Uint8Array(0);
  let position = 0;
  let zeroBlocks = 0;

  const takeHeader = (block: Uint8Array): void => {
    if (block.every((byte) => byte === 0)) {
      zeroBlocks += 1;
      if (zeroBlocks === 2) state = { kind: "end" };
      return;
    }
    if (zeroBlocks > 0)
      throw tarError(`Cannot read "${name}" as tar: a member follows a zero block at byte ${position}`);
    const field = parseBlock(block, name);
    if ("xgLK".includes(field.flag)) {
      if (field.size > MAX_EXTENDED_BYTES)
        throw tarError(`Cannot read "${name}" as tar: an extended header of ${field.size} bytes`);
      state = { kind: "extended", flag: field.flag, size: field.size };
      return;
    }
    const kind = KINDS[field.flag];
    if (kind === undefined)
      throw tarError(
        `Cannot read "${name}" as tar: member type ${JSON.stringify(field.flag)} at byte ${position}`,
      );
    const sizeBytes = kind === "file" ? (overrides.size ?? field.size) : 0;
    members.push({
      path: overrides.path ?? field.path,
      kind,
      mode: field.mode & 0o7777,
      uid: overrides.uid ?? field.uid,
      gid: overrides.gid ?? field.gid,
      mtime: Math.trunc(overrides.mtime ?? field.mtime),
      sizeBytes,
      linkTarget: overrides.linkpath ?? field.linkTarget,
      offset: position + BLOCK_BYTES,
    });
    overrides = {};
    state = sizeBytes === 0 ? { kind: "header" } : { kind: "skip", left: paddedSize(sizeBytes) };
  };

  const step = (buffer: Uint8Array): number => {
    switch (state.kind) {
      case "end":
        // Other readers stop at the zero blocks: nobody's sums would cover what came after them.
        if (buffer.some((byte) => byte !== 0))
          throw tarError(`Cannot read "${name}" as tar: something follows its end at byte ${position}`);
        return buffer.length;
      case "skip": {
        const taken = Math.min(state.left, buffer.length);
        state = taken === state.left ? { kind: "header" } : { kind: "skip", left: state.left - taken };
        return taken;
      }
      case "extended": {
        const padded = paddedSize(state.size);
        if (buffer.length < padded) return 0;
        overrides = { ...overrides, ...parseExtended(state.flag, buffer.subarray(0, state.size), name) };
        state = { kind: "header" };
        return padded;
      }
      case "header":
        if (buffer.length < BLOCK_BYTES) return 0;
        takeHeader(buffer.subarray(0, BLOCK_BYTES));
        return BLOCK_BYTES;
    }
  };

  return {
    push(chunk) {
      let buffer = pending.length === 0 ? chunk : concat(pending, chunk);
      while (buffer.length > 0) {
        const taken = step(buffer);
        if (taken === 0) break;
        position += taken;
        buffer = buffer.subarray(taken);
      }
      pending = buffer;
    },
    passOver() {
      if (state.kind !== "skip") return 0;
      const { left } = state;
      position += left;
      state = { kind: "header" };
      return left;
    },
    finish() {
      const closed =
        state.kind === "end" || (state.kind === "header" && zeroBlocks === 1 && pending.length === 0);
      if (!closed) throw tarError(`Cannot read "${name}" as tar: it is cut short, its end is missing`);
      return members;
    },
  };
}

function parseBlock(block: Uint8Array, name: string) {
  const stored = number(block, 148, 8);
  if (stored !== checksum(block))
    throw tarError(`Cannot read "${name}" as tar: a header's checksum does not match`);
  const ustar = text(block, 257, 5) === "ustar";
  const prefix = ustar && block[263] === 0x30 ? text(block, 345, 155) : "";
  const base = text(block, 0, 100);
  return {
    path: prefix === "" ? base : `${prefix}/${base}`,
    mode: number(block, 100, 8),
    uid: number(block, 108, 8),
    gid: number(block, 116, 8),
    size: number(block, 124, 12),
    mtime: number(block, 136, 12),
    flag: String.fromCharCode(block[156] ?? 0),
    linkTarget: text(block, 157, 100),
  };
}

function text(block: Uint8Array, start: number, length: number): string {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  return Buffer.from(end === -1 ? field : field.subarray(0, end)).toString("utf8");
}

/** Octal text, or base-256 where the first bit is set (GNU, for sizes above 8 GiB). */
function number(block: Uint8Array, start: number, length: number): number {
  const field = block.subarray(start, start + length);
  if (((field[0] ?? 0) & 0x80) !== 0) {
    const value = field.subarray(1).reduce((sum, byte) => sum * 256 + byte, (field[0] ?? 0) & 0x7f);
    if (!Number.isSafeInteger(value)) throw tarError("Cannot read a tar number: it is too large");
    return value;
  }
  const digits = text(block, start, length).trim();
  if (digits === "") return 0;
  if (!/^[0-7]+$/.test(digits))
    throw tarError(`Cannot read a tar number: ${JSON.stringify(digits)} is not octal`);
  return Number.parseInt(digits, 8);
}

function parseExtended(flag: string, body: Uint8Array, name: string): Overrides {
  if (flag === "g") return {};
  if (flag === "L") return { path: text(body, 0, body.length) };
  if (flag === "K") return { linkpath: text(body, 0, body.length) };
  const records = parsePax(body, name);
  const numeric = (key: string) => (records.has(key) ? Number(records.get(key)) : undefined);
  const path = records.get("path");
  const linkpath = records.get("linkpath");
  const overrides: Overrides = {};
  if (path !== undefined) overrides.path = path;
  if (linkpath !== undefined) overrides.linkpath = linkpath;
  for (const key of ["size", "uid", "gid", "mtime"] as const) {
    const value = numeric(key);
    if (value === undefined) continue;
    if (!Number.isFinite(value) || value < 0)
      throw tarError(`Cannot read "${name}" as tar: PAX ${key} is not a number`);
    overrides[key] = value;
  }
  return overrides;
}

function parsePax(body: Uint8Array, name: string): Map<string, string> {
  const records = new Map<string, string>();
  let rest = Buffer.from(body);
  while (rest.length > 0) {
    const space = rest.indexOf(0x20);
    const length = Number(rest.subarray(0, Math.max(space, 0)).toString("latin1"));
    if (space <= 0 || !Number.isSafeInteger(length) || length <= space || length > rest.length) {
      throw tarError(`Cannot read "${name}" as tar: a PAX record is misshapen`);
    }
    const record = rest.subarray(space + 1, length - 1).toString("utf8");
    const equals = record.indexOf("=");
    if (equals <= 0) throw tarError(`Cannot read "${name}" as tar: a PAX record has no key`);
    records.set(record.slice(0, equals), record.slice(equals + 1));
    rest = rest.subarray(length);
  }
  return records;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a, 0);
  joined.set(b, a.length);
  return joined;
}
