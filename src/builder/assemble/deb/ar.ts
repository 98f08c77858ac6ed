/**
 * Members of a Unix archive as deb(5) uses it: a magic line, then for each member a header of 60 bytes of text and its
 * content, padded to an even length. No long names, no symbol table: a .deb has neither.
 */
import type { ByteSource } from "../../../shared/store/store.ts";
import { malformedDeb } from "./malformed.ts";

export type ArMember = {
  readonly name: string;
  readonly sizeBytes: number;
  /** Exactly `sizeBytes` bytes, to be read before the next member is asked for; what is left then is skipped. */
  readonly content: AsyncIterable<Uint8Array>;
};

const MAGIC = "!<arch>\n";
const HEADER_BYTES = 60;
const HEADER_END = "`\n";

/** Throws AppError DEB_MALFORMED (integrity) on anything cut short or misshapen. */
export async function* readAr(source: ByteSource, name: string): AsyncGenerator<ArMember> {
  const reader = createReader(source, name);
  const magic = await reader.take(MAGIC.length);
  if (text(magic) !== MAGIC) throw malformedDeb(name, "it does not begin as an archive of ar(5)");
  for (;;) {
    const header = await reader.takeOrEnd(HEADER_BYTES);
    if (header === undefined) return;
    const { name: memberName, sizeBytes } = parseHeader(text(header), name);
    const content = reader.stream(sizeBytes);
    yield { name: memberName, sizeBytes, content };
    for await (const _ of content);
    if (sizeBytes % 2 === 1) await reader.takeOrEnd(1);
  }
}

function parseHeader(header: string, name: string): { readonly name: string; readonly sizeBytes: number } {
  const size = header.slice(48, 58).trimEnd();
  if (header.slice(58) !== HEADER_END || !/^\d{1,10}$/.test(size))
    throw malformedDeb(name, "a member's header is misshapen");
  return { name: header.slice(0, 16).trimEnd().replace(/\/$/, ""), sizeBytes: Number(size) };
}

type Reader = {
  take(length: number): Promise<Uint8Array>;
  /** undefined where nothing follows. */
  takeOrEnd(length: number): Promise<Uint8Array | undefined>;
  /** The next `length` bytes. Whoever stops reading early leaves the rest to the next reader of the same iterable. */
  stream(length: number): AsyncIterable<Uint8Array>;
};

function createReader(source: ByteSource, name: string): Reader {
  const chunks = iterate(source);
  let pending: Uint8Array = new Uint8Array(0);
  const fill = async (): Promise<boolean> => {
    while (pending.length === 0) {
      const { done, value } = await chunks.next();
      if (done === true) return false;
      pending = value;
    }
    return true;
  };
  const cut = (length: number): Uint8Array => {
    const part = pending.subarray(0, length);
    pending = pending.subarray(part.length);
    return part;
  };
  const takeOrEnd = async (length: number): Promise<Uint8Array | undefined> => {
    const parts: Uint8Array[] = [];
    let left = length;
    while (left > 0) {
      if (!(await fill())) {
        if (left === length) return undefined;
        throw malformedDeb(name, "it is cut short");
      }
      const part = cut(left);
      parts.push(part);
      left -= part.length;
    }
    return Buffer.concat(parts);
  };
  return {
    takeOrEnd,
    take: async (length) => {
      const bytes = await takeOrEnd(length);
      if (bytes === undefined) throw malformedDeb(name, "it is cut short");
      return bytes;
    },
    stream: (length) => {
      let left = length;
      const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
        if (left === 0) return { done: true, value: undefined };
        if (!(await fill()))
          throw malformedDeb(name, `it is cut short: ${left} bytes of a member are missing`);
        const part = cut(left);
        left -= part.length;
        return { done: false, value: part };
      };
      return { [Symbol.asyncIterator]: () => ({ next }) };
    },
  };
}

async function* iterate(source: ByteSource): AsyncGenerator<Uint8Array, undefined> {
  yield* source;
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}
