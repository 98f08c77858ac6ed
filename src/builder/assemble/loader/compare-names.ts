/**
 * glibc's order of library names (_dl_cache_libcmp in elf/dl-cache.c): runs of digits by their number in a C int, a digit
 * after everything else, other bytes as signed chars. The loader searches its cache with it, so every byte of it counts.
 */
export function compareNames(a: string, b: string): number {
  const left = Buffer.from(`${a}\0`);
  const right = Buffer.from(`${b}\0`);
  let i = 0;
  let j = 0;
  while (left[i] !== 0) {
    const [one, other] = [left.readInt8(i), right.readInt8(j)];
    if (isDigit(one) && isDigit(other)) {
      const first = readNumber(left, i);
      const second = readNumber(right, j);
      // C's difference of two ints, which overflows as they did.
      if (first.value !== second.value) return (first.value - second.value) | 0;
      i = first.end;
      j = second.end;
    } else if (isDigit(one)) {
      return 1;
    } else if (isDigit(other)) {
      return -1;
    } else if (one === other) {
      i += 1;
      j += 1;
    } else {
      return one - other;
    }
  }
  return left.readInt8(i) - right.readInt8(j);
}

function readNumber(bytes: Buffer, start: number): { readonly value: number; readonly end: number } {
  let value = 0;
  let end = start;
  for (let byte = bytes.readInt8(end); isDigit(byte); byte = bytes.readInt8(end)) {
    value = (Math.imul(value, 10) + (byte - 0x30)) | 0;
    end += 1;
  }
  return { value, end };
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
