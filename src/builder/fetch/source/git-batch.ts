/** Reads what `git cat-file --batch` answers: "<id> <kind> <size>\n", the content and a line end, for each id asked for. */
import { gitMalformed } from "./git-object.ts";

/** Where an object's content lies among all contents, written one behind the other. */
export type BatchObject = { readonly offset: number; readonly sizeBytes: number };

export type BatchReader = {
  /** The pieces of content in this chunk. */
  push(chunk: Uint8Array): readonly Uint8Array[];
  /** One object for each id, in the order asked. Throws GIT_MALFORMED (integrity) where the answer is cut short. */
  finish(): readonly BatchObject[];
};

const MAX_HEADER_BYTES = 200;
const LINE_END = 0x0a;

export function createBatchReader(ids: readonly string[]): BatchReader {
  const objects: BatchObject[] = [];
  let written = 0;
  let header: Uint8Array = new Uint8Array(0);
  /** Bytes of content still to come; the line end after it is one more. */
  let left: number | undefined;

  const takeHeader = (bytes: Uint8Array): number => {
    const end = bytes.indexOf(LINE_END);
    const line = Buffer.concat([header, end === -1 ? bytes : bytes.subarray(0, end)]);
    if (line.length > MAX_HEADER_BYTES) throw gitMalformed("Cannot read git's answer: a header never ends");
    if (end === -1) {
      header = line;
      return bytes.length;
    }
    header = new Uint8Array(0);
    left = parseHeader(line.toString("latin1"), ids[objects.length]);
    objects.push({ offset: written, sizeBytes: left });
    written += left;
    return end + 1;
  };

  return {
    push(chunk) {
      const parts: Uint8Array[] = [];
      let rest = chunk;
      while (rest.length > 0) {
        if (left === undefined) {
          rest = rest.subarray(takeHeader(rest));
          continue;
        }
        const part = rest.subarray(0, left);
        if (part.length > 0) parts.push(part);
        left -= part.length;
        rest = rest.subarray(part.length);
        if (left > 0 || rest.length === 0) continue;
        if (rest[0] !== LINE_END)
          throw gitMalformed("Cannot read git's answer: an object is longer than it says");
        rest = rest.subarray(1);
        left = undefined;
      }
      return parts;
    },
    finish() {
      if (left !== undefined || header.length > 0 || objects.length !== ids.length)
        throw gitMalformed(
          `Cannot read git's answer: ${objects.length} objects of ${ids.length}, the last cut short`,
        );
      return objects;
    },
  };
}

function parseHeader(line: string, expected: string | undefined): number {
  const [, id, sizeBytes] = /^([0-9a-f]{40}) (?:blob|commit) (\d{1,15})$/.exec(line) ?? [];
  if (id === undefined || id !== expected)
    throw gitMalformed(
      `Cannot read git's answer: ${JSON.stringify(line)}, expected object ${expected ?? "none"}`,
    );
  return Number(sizeBytes);
}
