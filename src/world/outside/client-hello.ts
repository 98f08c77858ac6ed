/** The server name in a TLS ClientHello (RFC 8446 section 4.1.2, RFC 6066 section 3), without its record or handshake layer. */

const CLIENT_HELLO = 1;
const SERVER_NAME = 0;

/** From a handshake message that starts at its type byte; undefined where it names none or is cut short. */
export function serverNameOf(handshake: Buffer): string | undefined {
  try {
    return readName(handshake);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** From TLS records, of which a ClientHello may fill several. */
export function serverNameOfRecords(stream: Buffer): string | undefined {
  const parts: Buffer[] = [];
  for (let offset = 0; offset + 5 <= stream.length && stream[offset] === 0x16;) {
    const end = offset + 5 + stream.readUInt16BE(offset + 3);
    parts.push(stream.subarray(offset + 5, end));
    offset = end;
  }
  return parts.length === 0 ? undefined : serverNameOf(Buffer.concat(parts));
}

function readName(hello: Buffer): string | undefined {
  if (hello.readUInt8(0) !== CLIENT_HELLO) return undefined;
  let offset = 4 + 2 + 32;
  offset += 1 + hello.readUInt8(offset);
  offset += 2 + hello.readUInt16BE(offset);
  offset += 1 + hello.readUInt8(offset);
  const end = offset + 2 + hello.readUInt16BE(offset);
  offset += 2;
  while (offset < end) {
    const type = hello.readUInt16BE(offset);
    const length = hello.readUInt16BE(offset + 2);
    if (type === SERVER_NAME) {
      const nameLength = hello.readUInt16BE(offset + 7);
      const name = hello.subarray(offset + 9, offset + 9 + nameLength);
      return name.length === nameLength ? name.toString("latin1") : undefined;
    }
    offset += 4 + length;
  }
  return undefined;
}
