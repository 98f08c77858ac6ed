/**
 * One 512-byte ustar header (POSIX.1-1988, pax(1) "ustar Interchange Format") from one member, and back.
 * Fields that do not fit go into a PAX extended header before it (pax(1) "pax Extended Header").
 */
import { AppError } from "../errors.ts";

export type TarKind = "file" | "directory" | "symlink" | "hardlink";

export type TarMember = {
  readonly path: string;
  readonly kind: TarKind;
  /** Permission bits, setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Whole seconds since 1970. */
  readonly mtime: number;
  /** Bytes of content; 0 for everything but a file. */
  readonly sizeBytes: number;
  /** Symlink target as written, hard link target as member path; empty otherwise. */
  readonly linkTarget: string;
};

export const BLOCK_BYTES = 512;
const TYPE_FLAGS = { file: "0", hardlink: "1", symlink: "2", directory: "5" } as const;
const MAX_OCTAL_7 = 0o7777777;
const MAX_OCTAL_11 = 0o77777777777;
const utf8 = new TextEncoder();

/** The header blocks of `member`: one, or three where PAX is needed. Directories get their trailing slash here. */
export function encodeHeader(member: TarMember): Uint8Array {
  if (member.mode < 0 || member.mode > 0o7777)
    throw new Error(`Mode out of range: ${member.mode.toString(8)}`);
  const name = member.kind === "directory" ? `${member.path}/` : member.path;
  const split = splitName(name);
  const pax: [string, string][] = [];
  if (split === undefined) pax.push(["path", name]);
  if (utf8.encode(member.linkTarget).length > 100 || !isAscii(member.linkTarget))
    pax.push(["linkpath", member.linkTarget]);
  if (member.sizeBytes > MAX_OCTAL_11) pax.push(["size", String(member.sizeBytes)]);
  if (member.uid > MAX_OCTAL_7) pax.push(["uid", String(member.uid)]);
  if (member.gid > MAX_OCTAL_7) pax.push(["gid", String(member.gid)]);
  if (pax.length === 0)
    return encodeBlock({ ...member, ...(split ?? { name: "", prefix: "" }), flag: TYPE_FLAGS[member.kind] });
  return withPax(member, pax, split ?? { name: asciiTail(name), prefix: "" });
}

type Block = Omit<TarMember, "path" | "kind"> & {
  readonly name: string;
  readonly prefix: string;
  readonly flag: string;
};

function withPax(
  member: TarMember,
  records: [string, string][],
  split: { name: string; prefix: string },
): Uint8Array {
  const body = utf8.encode(
    records
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => paxRecord(key, value))
      .join(""),
  );
  const fits = {
    ...member,
    ...split,
    flag: TYPE_FLAGS[member.kind],
    linkTarget: asciiTail(member.linkTarget),
    sizeBytes: member.sizeBytes > MAX_OCTAL_11 ? 0 : member.sizeBytes,
    uid: Math.min(member.uid, MAX_OCTAL_7),
    gid: Math.min(member.gid, MAX_OCTAL_7),
  };
  const pax = encodeBlock({
    ...fits,
    name: "pax",
    prefix: "",
    flag: "x",
    mode: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: body.length,
    linkTarget: "",
  });
  const blocks = new Uint8Array(BLOCK_BYTES * 2 + paddedSize(body.length));
  blocks.set(pax, 0);
  blocks.set(body, BLOCK_BYTES);
  blocks.set(encodeBlock(fits), BLOCK_BYTES + paddedSize(body.length));
  return blocks;
}

/** "LENGTH key=value\n", where LENGTH counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = utf8.encode(` ${key}=${value}\n`).length;
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

function encodeBlock(block: Block): Uint8Array {
  const bytes = new Uint8Array(BLOCK_BYTES);
  bytes.set(utf8.encode(block.name), 0);
  bytes.set(octal(block.mode, 7), 100);
  bytes.set(octal(block.uid, 7), 108);
  bytes.set(octal(block.gid, 7), 116);
  bytes.set(octal(block.sizeBytes, 11), 124);
  bytes.set(octal(block.mtime, 11), 136);
  bytes.set(utf8.encode("        "), 148);
  bytes.set(utf8.encode(block.flag), 156);
  bytes.set(utf8.encode(block.linkTarget), 157);
  bytes.set(utf8.encode("ustar\u000000"), 257);
  bytes.set(utf8.encode(block.prefix), 345);
  bytes.set(utf8.encode(`${checksum(bytes).toString(8).padStart(6, "0")}\0 `), 148);
  return bytes;
}

function octal(value: number, digits: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`Not a tar number: ${value}`);
  return utf8.encode(value.toString(8).padStart(digits, "0"));
}

export function checksum(block: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < BLOCK_BYTES; index += 1)
    sum += index >= 148 && index < 156 ? 32 : (block[index] ?? 0);
  return sum;
}

export function paddedSize(sizeBytes: number): number {
  return Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES;
}

/** ustar's name (100 bytes) and prefix (155 bytes), split at a slash; undefined where it needs PAX. */
function splitName(name: string): { name: string; prefix: string } | undefined {
  if (!isAscii(name)) return undefined;
  if (name.length <= 100) return { name, prefix: "" };
  const cut = name.indexOf("/", name.length - 101);
  if (cut <= 0 || cut > 155 || cut === name.length - 1) return undefined;
  return { name: name.slice(cut + 1), prefix: name.slice(0, cut) };
}

function isAscii(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

/** What a reader without PAX would see; PAX overrides it. */
function asciiTail(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "_").slice(-100);
}

export function tarError(message: string, fields: Readonly<Record<string, string | number>> = {}): AppError {
  return new AppError({ class: "integrity", code: "TAR_MALFORMED" }, message, { fields });
}
