/**
 * /etc/ld.so.cache in its new format (sysdeps/generic/dl-cache.h of glibc 2.36): a header, entries in falling order of their
 * names, the strings, and an extension with the generator's name and the subfolders of glibc-hwcaps.
 */
import { compareCodeUnits } from "../../../shared/order.ts";
import { compareNames } from "./compare-names.ts";
import { buildStringTable } from "./string-table.ts";

export type CacheEntry = {
  readonly soname: string;
  readonly path: string;
  /** The subfolder of glibc-hwcaps that it lies in, and the x86-64 level that it needs. */
  readonly hwcaps?: { readonly name: string; readonly isaLevel: number };
};

const MAGIC = "glibc-ld.so.cache1.1";
const HEADER_BYTES = 48;
const ENTRY_BYTES = 24;
const LITTLE_ENDIAN = 2;
const ELF_LIBC6_X86_64 = 0x0303;
const EXTENSION_MAGIC = 0xeaa42174;
const SECTION_BYTES = 16;
const HWCAP_EXTENSION = 1n << 62n;

/** `generator` says who wrote it; nobody but `ldconfig -p` reads that. */
export function encodeCache(entries: readonly CacheEntry[], generator: string): Buffer {
  const sorted = entries.toSorted(compareEntries);
  const hwcaps = [...new Set(entries.flatMap((entry) => entry.hwcaps?.name ?? []))].sort(compareCodeUnits);
  const table = buildStringTable([...sorted.flatMap(({ soname, path }) => [soname, path]), ...hwcaps]);
  const stringsOffset = HEADER_BYTES + sorted.length * ENTRY_BYTES;
  const extensionOffset = Math.ceil((stringsOffset + table.bytes.length) / 4) * 4;
  const extension = encodeExtension(extensionOffset, {
    generator,
    hwcaps: hwcaps.map((name) => stringsOffset + table.offsetOf(name)),
  });
  const bytes = Buffer.alloc(extensionOffset + extension.length);
  bytes.write(MAGIC, 0, "latin1");
  bytes.writeUInt32LE(sorted.length, 20);
  bytes.writeUInt32LE(table.bytes.length, 24);
  bytes.writeUInt8(LITTLE_ENDIAN, 28);
  bytes.writeUInt32LE(extensionOffset, 32);
  for (const [index, { soname, path, hwcaps: own }] of sorted.entries()) {
    const at = HEADER_BYTES + index * ENTRY_BYTES;
    bytes.writeInt32LE(ELF_LIBC6_X86_64, at);
    bytes.writeUInt32LE(stringsOffset + table.offsetOf(soname), at + 4);
    bytes.writeUInt32LE(stringsOffset + table.offsetOf(path), at + 8);
    if (own !== undefined) bytes.writeBigUInt64LE(hwcapOf(own, hwcaps), at + 16);
  }
  bytes.set(table.bytes, stringsOffset);
  bytes.set(extension, extensionOffset);
  return bytes;
}

/** The loader's search goes the other way round; entries that are equal stay in the order of their folders. */
function compareEntries(a: CacheEntry, b: CacheEntry): number {
  const names = compareNames(b.soname, a.soname);
  if (names !== 0) return names;
  if (a.hwcaps === undefined || b.hwcaps === undefined)
    return Number(a.hwcaps === undefined) - Number(b.hwcaps === undefined);
  return compareCodeUnits(a.hwcaps.name, b.hwcaps.name);
}

function hwcapOf(own: NonNullable<CacheEntry["hwcaps"]>, names: readonly string[]): bigint {
  return HWCAP_EXTENSION | (BigInt(own.isaLevel) << 32n) | BigInt(names.indexOf(own.name));
}

/** Sections: the generator's name (tag 0), and where there are any the offsets of the hwcaps' names (tag 1), which lie before it. */
function encodeExtension(
  offset: number,
  content: { readonly generator: string; readonly hwcaps: readonly number[] },
): Buffer {
  const generator = Buffer.from(content.generator);
  const { hwcaps } = content;
  const count = hwcaps.length === 0 ? 1 : 2;
  const hwcapsOffset = 8 + count * SECTION_BYTES;
  const generatorOffset = hwcapsOffset + hwcaps.length * 4;
  const bytes = Buffer.alloc(generatorOffset + generator.length);
  bytes.writeUInt32LE(EXTENSION_MAGIC, 0);
  bytes.writeUInt32LE(count, 4);
  writeSection(bytes, 8, { tag: 0, offset: offset + generatorOffset, sizeBytes: generator.length });
  if (hwcaps.length > 0)
    writeSection(bytes, 24, { tag: 1, offset: offset + hwcapsOffset, sizeBytes: hwcaps.length * 4 });
  for (const [index, name] of hwcaps.entries()) bytes.writeUInt32LE(name, hwcapsOffset + index * 4);
  bytes.set(generator, generatorOffset);
  return bytes;
}

function writeSection(
  bytes: Buffer,
  at: number,
  section: { readonly tag: number; readonly offset: number; readonly sizeBytes: number },
): void {
  bytes.writeUInt32LE(section.tag, at);
  bytes.writeUInt32LE(section.offset, at + 8);
  bytes.writeUInt32LE(section.sizeBytes, at + 12);
}
