const HEADER_BYTES = 8;
const STDERR = 2;

/** The engine's frames: one byte of stream, three of nothing, four of length in network order, then the bytes. A cut frame gives what is there. */
export function demultiplex(frames: Uint8Array): { readonly stdout: string; readonly stderr: string } {
  const bytes = Buffer.from(frames.buffer, frames.byteOffset, frames.byteLength);
  const streams: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
  for (let position = 0; position + HEADER_BYTES <= bytes.length;) {
    const end = position + HEADER_BYTES + bytes.readUInt32BE(position + 4);
    const stream = bytes[position] === STDERR ? streams.stderr : streams.stdout;
    stream.push(bytes.subarray(position + HEADER_BYTES, end));
    position = end;
  }
  return {
    stdout: Buffer.concat(streams.stdout).toString("utf8"),
    stderr: Buffer.concat(streams.stderr).toString("utf8"),
  };
}
