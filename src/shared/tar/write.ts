import { BLOCK_BYTES, encodeHeader, paddedSize, type TarMember } from "./header.ts";

export type TarSource = TarMember & {
  /** Yields exactly `sizeBytes` bytes; not called for members without content. */
  readonly content?: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
};

/**
 * A tar of the members in the order given: numeric owners only, content padded to 512, two zero blocks at the end and
 * nothing after. Throws a plain Error where a content's length differs from its header.
 */
export async function* writeTar(
  members: Iterable<TarSource> | AsyncIterable<TarSource>,
): AsyncGenerator<Uint8Array> {
  for await (const member of members) {
    yield encodeHeader(member);
    if (member.kind !== "file" || member.sizeBytes === 0) continue;
    if (member.content === undefined) throw new Error(`No content for ${member.path}`);
    let written = 0;
    for await (const chunk of member.content()) {
      written += chunk.length;
      yield chunk;
    }
    if (written !== member.sizeBytes)
      throw new Error(`${member.path} has ${written} bytes, its header says ${member.sizeBytes}`);
    const padding = paddedSize(written) - written;
    if (padding > 0) yield new Uint8Array(padding);
  }
  yield new Uint8Array(BLOCK_BYTES * 2);
}

/** The exact length of the tar that writeTar makes of these members. */
export function tarSize(members: Iterable<TarMember>): number {
  let total = BLOCK_BYTES * 2;
  for (const member of members)
    total += encodeHeader(member).length + (member.kind === "file" ? paddedSize(member.sizeBytes) : 0);
  return total;
}
