/** A name server that knows every name (RFC 1035): A, AAAA and TXT, all of them answered with the outside's own addresses. */
import { OUTSIDE_V4, WEB } from "../addresses.ts";

const HEADER_BYTES = 12;
const TYPES = { a: 1, txt: 16, aaaa: 28 } as const;
const CLASS_IN = 1;

export type Answered = { readonly name: string; readonly message: Buffer };

/** undefined for what is no query of one question. */
export function answerQuery(query: Buffer): Answered | undefined {
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

function dataOf(type: number): Buffer | undefined {
  switch (type) {
    case TYPES.a:
      return Buffer.from(WEB.v4.split(".").map(Number));
    case TYPES.aaaa:
      return Buffer.from("20010db8000000020000000000000080", "hex");
    case TYPES.txt:
      return Buffer.concat([Buffer.of(OUTSIDE_V4[0].length), Buffer.from(OUTSIDE_V4[0])]);
    default:
      return undefined;
  }
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
