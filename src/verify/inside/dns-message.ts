/** The little of DNS (RFC 1035) that a probe needs: a query for an address, and an answer to one. */

/** From the block for documentation: nobody's address. */
export const CONTROL_ANSWER = "192.0.2.77";

const HEADER_BYTES = 12;

/** A recursive query for the A record of `name`, whose labels are 1 to 63 bytes of ASCII. */
export function addressQuery(id: number, name: string): Buffer {
  const header = Buffer.from([id >> 8, id & 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const labels = name.split(".").map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]));
  return Buffer.concat([header, ...labels, Buffer.of(0, 0, 1, 0, 1)]);
}

/** CONTROL_ANSWER for a query of an A record, an empty answer for another type; undefined for what is no query. */
export function answerQuery(query: Buffer): Buffer | undefined {
  const end = query.indexOf(0, HEADER_BYTES);
  if (query.length < HEADER_BYTES + 5 || end === -1 || end + 5 > query.length) return undefined;
  const question = query.subarray(HEADER_BYTES, end + 5);
  const isAddress = question.readUInt16BE(question.length - 4) === 1;
  const header = Buffer.from([
    query[0] ?? 0,
    query[1] ?? 0,
    0x81,
    0x80,
    0,
    1,
    0,
    isAddress ? 1 : 0,
    0,
    0,
    0,
    0,
  ]);
  const record = Buffer.from([
    0xc0,
    HEADER_BYTES,
    0,
    1,
    0,
    1,
    0,
    0,
    0,
    0,
    0,
    4,
    ...CONTROL_ANSWER.split(".").map(Number),
  ]);
  return Buffer.concat(isAddress ? [header, question, record] : [header, question]);
}
