/**
 * What the dynamic loader reads of an ELF file (System V gABI, chapters 4 and 5): little-endian, 64 bits. Only small pieces
 * are read, each within bounds that real files keep far away from.
 */
import { AppError } from "../../../shared/errors.ts";

export type ElfFile = {
  readonly machine: number;
  /** ET_REL 1, ET_EXEC 2, ET_DYN 3, ET_CORE 4. */
  readonly type: number;
  readonly interpreter?: string;
  readonly soname?: string;
  readonly needed: readonly string[];
  /** DT_RUNPATH, or where there is none DT_RPATH, parted at its colons. */
  readonly runPath: readonly string[];
  /** Of x86 files: the highest x86-64 level that GNU_PROPERTY_X86_ISA_1_NEEDED names, 0 for the baseline or none. */
  readonly isaLevel: number;
  /** Whether it has a dynamic section at all. */
  readonly isDynamic: boolean;
};

type ByteRange = { readonly offset: number; readonly sizeBytes: number };
/** Yields at most the bytes asked for: fewer where the file ends before. */
export type ReadRange = (range: ByteRange) => Promise<Uint8Array>;

export const EM_X86_64 = 62;
export const ET_DYN = 3;

const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const DYNAMIC_BYTES = 16;
const MAX_PROGRAM_HEADERS = 4096;
const MAX_DYNAMIC_BYTES = 1 << 20;
const MAX_NEEDED = 4096;
const MAX_STRING_BYTES = 4096;
const MAX_NOTE_BYTES = 1 << 16;
const PT = { load: 1, dynamic: 2, interpreter: 3, gnuProperty: 0x6474e553 } as const;
const DT = { needed: 1, stringTable: 5, soname: 14, rpath: 15, runpath: 29 } as const;

/** undefined for what is no ELF file. Throws AppError ELF_MALFORMED (integrity) for one that cannot be read. */
export async function readElf(read: ReadRange): Promise<ElfFile | undefined> {
  const header = view(await read({ offset: 0, sizeBytes: HEADER_BYTES }));
  if (header.byteLength < 4 || header.getUint32(0) !== 0x7f454c46) return undefined;
  if (header.byteLength < HEADER_BYTES) throw malformed("its header is cut short");
  if (header.getUint8(4) !== 2 || header.getUint8(5) !== 1)
    throw malformed("it is not 64 bits, little-endian");
  const file = { machine: header.getUint16(18, true), type: header.getUint16(16, true) };
  const segments = await readSegments(header, read);
  const dynamicSegment = segments.find(({ type }) => type === PT.dynamic);
  const interpreterSegment = segments.find(({ type }) => type === PT.interpreter);
  const property = segments.find(({ type }) => type === PT.gnuProperty);
  return {
    ...file,
    ...(interpreterSegment === undefined
      ? {}
      : { interpreter: await readString(interpreterSegment.offset, read) }),
    ...(dynamicSegment === undefined
      ? { needed: [], runPath: [] }
      : await readDynamic(dynamicSegment, segments, read)),
    isaLevel: property === undefined ? 0 : await readIsaLevel(property, read),
    isDynamic: dynamicSegment !== undefined,
  };
}

type Segment = ByteRange & { readonly type: number; readonly address: number };

async function readSegments(header: DataView, read: ReadRange): Promise<readonly Segment[]> {
  const offset = number64(header, 32);
  const entryBytes = header.getUint16(54, true);
  const count = header.getUint16(56, true);
  if (count === 0) return [];
  if (entryBytes !== PROGRAM_HEADER_BYTES || count > MAX_PROGRAM_HEADERS)
    throw malformed("its program headers are misshapen");
  const table = view(await readExactly({ offset, sizeBytes: count * entryBytes }, read));
  return Array.from({ length: count }, (_, index) => {
    const at = index * entryBytes;
    return {
      type: table.getUint32(at, true),
      offset: number64(table, at + 8),
      address: number64(table, at + 16),
      sizeBytes: number64(table, at + 32),
    };
  });
}

async function readDynamic(
  segment: Segment,
  segments: readonly Segment[],
  read: ReadRange,
): Promise<Pick<ElfFile, "needed" | "runPath" | "soname">> {
  if (segment.sizeBytes > MAX_DYNAMIC_BYTES) throw malformed("its dynamic section is too long");
  const entries = dynamicEntries(view(await readExactly(segment, read)));
  const valuesOf = (tag: number) => entries.filter((one) => one.tag === tag).map(({ value }) => value);
  const [tableAddress] = valuesOf(DT.stringTable);
  const offsets = valuesOf(DT.needed);
  if (offsets.length > MAX_NEEDED) throw malformed("it needs too many libraries");
  if (tableAddress === undefined) {
    if (offsets.length > 0) throw malformed("its dynamic section has no string table");
    return { needed: [], runPath: [] };
  }
  const table = fileOffsetOf(tableAddress, segments);
  const string = (offset: number) => readString(table + offset, read);
  const needed: string[] = [];
  for (const offset of offsets) needed.push(await string(offset));
  const [soname] = valuesOf(DT.soname);
  const [path] = [...valuesOf(DT.runpath), ...valuesOf(DT.rpath)];
  return {
    needed,
    ...(soname === undefined ? {} : { soname: await string(soname) }),
    runPath: path === undefined ? [] : (await string(path)).split(":"),
  };
}

type DynamicEntry = { readonly tag: number; readonly value: number };

function dynamicEntries(table: DataView): readonly DynamicEntry[] {
  const entries: DynamicEntry[] = [];
  for (let at = 0; at + DYNAMIC_BYTES <= table.byteLength; at += DYNAMIC_BYTES) {
    const tag = table.getBigInt64(at, true);
    if (tag === 0n) break;
    // Tags beyond are of the operating system or the processor: their values may be anything.
    if (tag < 0n || tag > 0xffn) continue;
    const value = table.getBigUint64(at + 8, true);
    entries.push({ tag: Number(tag), value: Number(value) });
  }
  return entries;
}

function fileOffsetOf(address: number, segments: readonly Segment[]): number {
  const segment = segments.find(
    (one) => one.type === PT.load && address >= one.address && address < one.address + one.sizeBytes,
  );
  if (segment === undefined) throw malformed("its string table lies in no segment");
  return segment.offset + (address - segment.address);
}

async function readString(offset: number, read: ReadRange): Promise<string> {
  for (const sizeBytes of [128, MAX_STRING_BYTES]) {
    const bytes = await read({ offset: checked(offset), sizeBytes });
    const end = bytes.indexOf(0);
    if (end !== -1) return Buffer.from(bytes.subarray(0, end)).toString("utf8");
    if (bytes.length < sizeBytes) break;
  }
  throw malformed("a string has no end");
}

/** NT_GNU_PROPERTY_TYPE_0 (x86-64 psABI, "Program Property"): descriptors of type, length and value, aligned to 8 bytes. */
async function readIsaLevel(segment: Segment, read: ReadRange): Promise<number> {
  if (segment.sizeBytes > MAX_NOTE_BYTES) throw malformed("its property note is too long");
  const note = view(await readExactly(segment, read));
  if (note.byteLength < 16 || note.getUint32(8, true) !== 5) return 0;
  for (let at = 16; at + 12 <= note.byteLength;) {
    const length = note.getUint32(at + 4, true);
    if (note.getUint32(at, true) === 0xc0008002 && length === 4) {
      const needed = note.getUint32(at + 8, true);
      return needed === 0 ? 0 : 31 - Math.clz32(needed);
    }
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return 0;
}

async function readExactly(range: ByteRange, read: ReadRange): Promise<Uint8Array> {
  const bytes = await read({ offset: checked(range.offset), sizeBytes: range.sizeBytes });
  if (bytes.length !== range.sizeBytes) throw malformed("it points beyond its end");
  return bytes;
}

function checked(offset: number): number {
  if (!Number.isSafeInteger(offset)) throw malformed("it points beyond its end");
  return offset;
}

function number64(data: DataView, at: number): number {
  return Number(data.getBigUint64(at, true));
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function malformed(why: string): AppError {
  return new AppError({ class: "integrity", code: "ELF_MALFORMED" }, `Cannot read an ELF file: ${why}`);
}
