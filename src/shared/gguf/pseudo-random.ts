/** Numbers that depend on nothing but their place: murmur3's finaliser over (index, stream, seed). Same in every language. */
export function mix(value: number): number {
  let hash = value >>> 0;
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

export function startOf(stream: number, seed: number): number {
  return (Math.imul(stream, 0x9e3779b9) + Math.imul(seed, 0x85ebca6b)) >>> 0;
}

/** 24 bits spread over -scale to scale; a power of two as scale keeps each value exact in 32-bit floats. */
export function randomFloats(count: number, scale: number, start: number): number[] {
  return Array.from(
    { length: count },
    (_, index) => (((mix(start + index) >>> 8) - 0x800000) / 0x800000) * scale,
  );
}
