/** Packets out of a stream in pcap's format (pcap-savefile(5)), as far as who speaks to whom about what. */

export type Packet = {
  readonly protocol: string;
  readonly from: string;
  readonly to: string;
  /** 0 where the protocol has no ports. */
  readonly port: number;
  /** From the network header on. */
  readonly bytes: Buffer;
};

const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const ETHERNET_BYTES = 14;
const LITTLE_ENDIAN_MAGIC = 0xa1b2c3d4;
const PROTOCOLS: Readonly<Record<number, string>> = { 1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6" };

/** Push what comes, get the packets that are whole. Throws a plain Error where it is no little-endian Ethernet capture. */
export function createPacketReader(): { push(chunk: Uint8Array): readonly Packet[] } {
  let pending = Buffer.alloc(0);
  let hasHeader = false;
  return {
    push(chunk) {
      pending = Buffer.concat([pending, chunk]);
      if (!hasHeader) {
        if (pending.length < FILE_HEADER_BYTES) return [];
        if (pending.readUInt32LE(0) !== LITTLE_ENDIAN_MAGIC || pending.readUInt32LE(20) !== 1)
          throw new Error("Not a capture of Ethernet frames");
        pending = pending.subarray(FILE_HEADER_BYTES);
        hasHeader = true;
      }
      const packets: Packet[] = [];
      while (pending.length >= RECORD_HEADER_BYTES) {
        const end = RECORD_HEADER_BYTES + pending.readUInt32LE(8);
        if (pending.length < end) break;
        const packet = readFrame(pending.subarray(RECORD_HEADER_BYTES, end));
        if (packet !== undefined) packets.push(packet);
        pending = pending.subarray(end);
      }
      return packets;
    },
  };
}

/** undefined for anything that is not IP: neighbours find one another by ARP, and that says nothing. */
function readFrame(frame: Buffer): Packet | undefined {
  if (frame.length < ETHERNET_BYTES + 20) return undefined;
  const type = frame.readUInt16BE(12);
  const bytes = frame.subarray(ETHERNET_BYTES);
  if (type === 0x0800) return readV4(bytes);
  return type === 0x86dd && bytes.length >= 40 ? readV6(bytes) : undefined;
}

function readV4(bytes: Buffer): Packet {
  const headerBytes = ((bytes[0] ?? 0) & 0x0f) * 4;
  const address = (offset: number): string => bytes.subarray(offset, offset + 4).join(".");
  return { ...transport(bytes, headerBytes, bytes[9] ?? 0), from: address(12), to: address(16), bytes };
}

/** Extension headers are not followed: the protocol is then the extension's number. */
function readV6(bytes: Buffer): Packet {
  return {
    ...transport(bytes, 40, bytes[6] ?? 0),
    from: addressV6(bytes, 8),
    to: addressV6(bytes, 24),
    bytes,
  };
}

function transport(bytes: Buffer, headerBytes: number, number: number): { protocol: string; port: number } {
  const protocol = PROTOCOLS[number] ?? String(number);
  const hasPorts = (protocol === "tcp" || protocol === "udp") && bytes.length >= headerBytes + 4;
  return { protocol, port: hasPorts ? bytes.readUInt16BE(headerBytes + 2) : 0 };
}

/** Eight groups, none left out. */
function addressV6(bytes: Buffer, offset: number): string {
  return Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(offset + 2 * index).toString(16)).join(
    ":",
  );
}
