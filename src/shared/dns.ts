/** The little of DNS (RFC 1035) that probes and those who answer them need: one question, and at most one record for it. */

export const TYPES = { a: 1, txt: 16, aaaa: 28 } as const;

const HEADER_BYTES = 12;
const CLASS_IN = 1;

/** A recursive query for the A record of `name`, whose labels are 1 to 63 bytes of ASCII. */
export function addressQuery(id: number, name: string): Buffer {
  const header = Buffer.from([id >> 8, id & 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const labels = name.split(".").map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]));
  return Buffer.concat([header, ...labels, Buffer.of(0, 0, TYPES.a, 0, CLASS_IN)]);
}

export type Answered = { readonly name: string; readonly message: Buffer };

/** `dataOf` gives a record's data for a type, undefined where there is none. undefined for what is no query of one question. */
export function answerQuery(
  query: Buffer,
  dataOf: (type: number) => Buffer | undefined,
): Answered | undefined {
  if (query.length < HEADER_BYTES || query.readUInt16BE(4) !== 1 || (query.readUInt8(2) & 0x80) !== 0)
    return undefined;
  const question = readQuestion(query);
  if (question === undefined) return undefined;
  const data = dataOf(question.type);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(query.readUInt16BE(0), 0);
  // An answer, authoritative, recursion as wished and available, no error.
  header.writeUInt16BE(0x8480 | (query.readUInt16BE(2) & 0x0100), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(data === undefined ? 0 : 1, 6);
  const asked = query.subarray(HEADER_BYTES, question.end);
  const record = data === undefined ? Buffer.alloc(0) : recordOf(question.type, data);
  return { name: question.name, message: Buffer.concat([header, asked, record]) };
}

function readQuestion(
  query: Buffer,
): { readonly name: string; readonly type: number; readonly end: number } | undefined {
  const labels: string[] = [];
  let offset = HEADER_BYTES;
  for (;;) {
    const length = query[offset];
    if (length === undefined || length > 63) return undefined;
    offset += 1;
    if (length === 0) break;
    labels.push(query.toString("latin1", offset, offset + length));
    offset += length;
  }
  if (offset + 4 > query.length) return undefined;
  return { name: labels.join("."), type: query.readUInt16BE(offset), end: offset + 4 };
}

/** Points back at the question's name; alive for five seconds. */
function recordOf(type: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(12);
  fixed.writeUInt16BE(0xc000 | HEADER_BYTES, 0);
  fixed.writeUInt16BE(type, 2);
  fixed.writeUInt16BE(CLASS_IN, 4);
  fixed.writeUInt32BE(5, 6);
  fixed.writeUInt16BE(data.length, 10);
  return Buffer.concat([fixed, data]);
}
