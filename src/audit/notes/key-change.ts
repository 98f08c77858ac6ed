/** What a log's key signs to hand over to the next one. */
export function keyChangeMessage(origin: string, previous: string, key: string): Uint8Array {
  return Buffer.from(`cloister key change\n${origin}\n${previous}\n${key}\n`);
}
