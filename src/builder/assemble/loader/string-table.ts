/** Strings one after another, each ended by a NUL, where one that ends another is that one's tail (elf/stringtable.c of glibc). */
export type StringTable = { readonly bytes: Buffer; offsetOf(text: string): number };

export function buildStringTable(strings: Iterable<string>): StringTable {
  const sorted = [...new Set(strings)].map((text) => Buffer.from(text)).sort(compareBackwards);
  const offsets = new Map<string, number>();
  const parts: Buffer[] = [];
  let next = 0;
  let previous = Buffer.alloc(0);
  for (const string of sorted) {
    const isTail = parts.length > 0 && previous.subarray(previous.length - string.length).equals(string);
    const offset = isTail ? next - 1 - string.length : next;
    offsets.set(string.toString(), offset);
    if (!isTail) {
      parts.push(string, Buffer.alloc(1));
      next = offset + string.length + 1;
    }
    previous = string;
  }
  return {
    bytes: Buffer.concat(parts),
    offsetOf: (text) => {
      const offset = offsets.get(text);
      if (offset === undefined) throw new Error(`Not in the string table: ${text}`);
      return offset;
    },
  };
}

/** By the last byte, then the one before, the greater first; of two of which one ends the other, the longer first. */
function compareBackwards(a: Buffer, b: Buffer): number {
  const common = Math.min(a.length, b.length);
  for (let index = 1; index <= common; index += 1) {
    const difference = (b[b.length - index] ?? 0) - (a[a.length - index] ?? 0);
    if (difference !== 0) return difference;
  }
  return b.length - a.length;
}
