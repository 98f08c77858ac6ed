/** ELF files made by code: 64 bits, little-endian, with a dynamic section that says what a test wants. */
export type SmallElf = {
  readonly type?: number;
  readonly machine?: number;
  readonly interpreter?: string;
  readonly soname?: string;
  readonly needed?: readonly string[];
  readonly runpath?: string;
  readonly rpath?: string;
  /** Bits of GNU_PROPERTY_X86_ISA_1_NEEDED. */
  readonly isa?: number;
};

const BASE = 0x1000n;

export function makeElf(elf: SmallElf = {}): Buffer {
  const strings: Buffer[] = [Buffer.from("\0")];
  const intern = (text: string): bigint => {
    const offset = strings.reduce((sum, { length }) => sum + length, 0);
    strings.push(Buffer.from(`${text}\0`));
    return BigInt(offset);
  };
  const dynamic: [bigint, bigint][] = [];
  for (const name of elf.needed ?? []) dynamic.push([1n, intern(name)]);
  if (elf.soname !== undefined) dynamic.push([14n, intern(elf.soname)]);
  if (elf.rpath !== undefined) dynamic.push([15n, intern(elf.rpath)]);
  if (elf.runpath !== undefined) dynamic.push([29n, intern(elf.runpath)]);
  const table = Buffer.concat(strings);
  const interpreter = Buffer.from(elf.interpreter === undefined ? "" : `${elf.interpreter}\0`);
  const property = elf.isa === undefined ? Buffer.alloc(0) : isaNote(elf.isa);
  const count = 2 + Number(interpreter.length > 0) + Number(property.length > 0);
  const bodyOffset = 64 + count * 56;
  const propertyOffset = bodyOffset + pad(interpreter).length;
  const tableOffset = propertyOffset + pad(property).length;
  const dynamicOffset = tableOffset + pad(table).length;
  dynamic.push([5n, BASE + BigInt(tableOffset)], [10n, BigInt(table.length)], [0n, 0n]);
  const end = dynamicOffset + dynamic.length * 16;

  const header = Buffer.alloc(64);
  header.write("\u007fELF\u0002\u0001\u0001", 0, "latin1");
  header.writeUInt16LE(elf.type ?? 3, 16);
  header.writeUInt16LE(elf.machine ?? 62, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(64n, 32);
  header.writeUInt16LE(64, 52);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(count, 56);
  header.writeUInt16LE(64, 58);
  const segments = [
    programHeader(1, 0, end),
    programHeader(2, dynamicOffset, dynamic.length * 16),
    ...(interpreter.length > 0 ? [programHeader(3, bodyOffset, interpreter.length)] : []),
    ...(property.length > 0 ? [programHeader(0x6474e553, propertyOffset, property.length)] : []),
  ];
  const entries = Buffer.alloc(dynamic.length * 16);
  for (const [index, [tag, value]] of dynamic.entries()) {
    entries.writeBigUInt64LE(tag, index * 16);
    entries.writeBigUInt64LE(value, index * 16 + 8);
  }
  return Buffer.concat([header, ...segments, pad(interpreter), pad(property), pad(table), entries]);
}

function pad(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)]);
}

function programHeader(type: number, offset: number, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(56);
  bytes.writeUInt32LE(type, 0);
  bytes.writeUInt32LE(4, 4);
  bytes.writeBigUInt64LE(BigInt(offset), 8);
  bytes.writeBigUInt64LE(BASE + BigInt(offset), 16);
  bytes.writeBigUInt64LE(BASE + BigInt(offset), 24);
  bytes.writeBigUInt64LE(BigInt(sizeBytes), 32);
  bytes.writeBigUInt64LE(BigInt(sizeBytes), 40);
  bytes.writeBigUInt64LE(8n, 48);
  return bytes;
}

/** NT_GNU_PROPERTY_TYPE_0 of GNU with one property. */
function isaNote(needed: number): Buffer {
  const bytes = Buffer.alloc(32);
  bytes.writeUInt32LE(4, 0);
  bytes.writeUInt32LE(16, 4);
  bytes.writeUInt32LE(5, 8);
  bytes.write("GNU\0", 12);
  bytes.writeUInt32LE(0xc0008002, 16);
  bytes.writeUInt32LE(4, 20);
  bytes.writeUInt32LE(needed, 24);
  return bytes;
}
