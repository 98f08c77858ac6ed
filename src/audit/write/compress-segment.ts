import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createZstdCompress, createZstdDecompress } from "node:zlib";
import { AppError } from "../../shared/errors.ts";
import { putInPlace, syncPath } from "../../shared/file.ts";
import { compressedPath, segmentPath, type SegmentName } from "../layout.ts";

const LEVEL = 3;
/**
 * 8 MiB: chat clients send the whole conversation again with each turn, and a reader's memory stays flat. Of each doubling the gateway
 * keeps twice as much: what malloc gave for a window is not all given back after it.
 */
const WINDOW_LOG = 23;

/**
 * Puts the compressed form of a sealed segment in its place, once what it unpacks to has been compared with the original. In plain
 * mode this is where the room goes; sealed content only loses what base64 added. Does nothing where it was compressed before. Throws AppError COMPRESSION_DIFFERS (integrity).
 */
export async function compressSegment(log: string, name: SegmentName): Promise<void> {
  const plain = segmentPath(log, name);
  if (!existsSync(plain)) return;
  await putInPlace(compressedPath(log, name), {
    write: async (temporary) =>
      await pipeline(createReadStream(plain), newCompressor(), createWriteStream(temporary, { mode: 0o600 })),
    check: async (temporary) => {
      const [want, got] = await Promise.all([
        digest(createReadStream(plain)),
        digest(createReadStream(temporary).pipe(createZstdDecompress())),
      ]);
      if (want !== got) throw differs(name);
    },
  });
  await rm(plain);
  await syncPath(dirname(plain));
}

export function newCompressor() {
  return createZstdCompress({
    params: {
      [constants.ZSTD_c_compressionLevel]: LEVEL,
      [constants.ZSTD_c_windowLog]: WINDOW_LOG,
      [constants.ZSTD_c_enableLongDistanceMatching]: 1,
      [constants.ZSTD_c_checksumFlag]: 1,
    },
  });
}

async function digest(stream: Readable): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of stream) hash.update(chunk);
  return hash.digest("hex");
}

function differs(name: SegmentName): AppError {
  return new AppError(
    { class: "integrity", code: "COMPRESSION_DIFFERS" },
    `Cannot compress segment "${name}": what was written does not unpack to it; it stays as it is`,
    { fields: { segment: name } },
  );
}
