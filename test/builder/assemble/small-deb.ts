/** Debian packages made by code, whole or broken in one place. */
import { gzipSync, zstdCompressSync } from "node:zlib";
import { execFileSync } from "node:child_process";
import { BLOCK_BYTES, checksum, encodeHeader, paddedSize } from "../../../src/shared/tar/header.ts";
import type { TarMember } from "../../../src/shared/tar/header.ts";
import type { Store, StoredBlob } from "../../../src/shared/store/store.ts";

export type Compression = "" | ".gz" | ".xz" | ".zst";

/** A member of a data.tar or control.tar; `path` is written as it is. */
export type Entry = Partial<TarMember> & {
  readonly path: string;
  readonly text?: string | Uint8Array;
  /** Overwrites the type flag: "3" a character device, "4" a block device, "6" a fifo. */
  readonly flag?: string;
};

export type SmallDeb = {
  readonly name?: string;
  readonly version?: string;
  readonly fields?: string;
  readonly data?: readonly Entry[];
  /** Besides `control`, which is made from the fields above. */
  readonly control?: Readonly<Record<string, string | Uint8Array>>;
  readonly compression?: Compression;
};

export function makeDeb(deb: SmallDeb = {}): Buffer {
  const { compression = "" } = deb;
  return makeAr([
    { name: "debian-binary", bytes: Buffer.from("2.0\n") },
    { name: `control.tar${compression}`, bytes: compress(controlTar(deb), compression) },
    { name: `data.tar${compression}`, bytes: compress(makeTar(deb.data ?? []), compression) },
  ]);
}

export function addDeb(store: Store, deb: SmallDeb): Promise<StoredBlob> {
  return store.add([makeDeb(deb)]);
}

export function controlTar({
  name = "small",
  version = "1.0-1",
  fields = "",
  control = {},
}: SmallDeb): Buffer {
  const stanza = `Package: ${name}\nVersion: ${version}\nArchitecture: amd64\nMaintainer: Nobody <nobody@example.org>\n${fields}Description: small\n`;
  return makeTar(
    Object.entries({ control: stanza, ...control }).map(([path, text]) => ({ path: `./${path}`, text })),
  );
}

export function makeTar(entries: readonly Entry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const content = Buffer.from(entry.text ?? "");
    const header = Buffer.from(
      encodeHeader({
        kind: "file",
        mode: entry.kind === "directory" ? 0o755 : 0o644,
        uid: 0,
        gid: 0,
        mtime: 1_600_000_000,
        linkTarget: "",
        sizeBytes: content.length,
        ...entry,
      }),
    );
    if (entry.flag !== undefined) patch(header, 156, entry.flag);
    return [header, content, Buffer.alloc(paddedSize(content.length) - content.length)];
  });
  return Buffer.concat([...parts, Buffer.alloc(BLOCK_BYTES * 2)]);
}

function patch(header: Buffer, offset: number, text: string): void {
  header.write(text, offset);
  header.write(`${checksum(header).toString(8).padStart(6, "0")}\0 `, 148);
}

export function compress(bytes: Uint8Array, compression: Compression): Buffer {
  switch (compression) {
    case "":
      return Buffer.from(bytes);
    case ".gz":
      return gzipSync(bytes);
    case ".zst":
      return zstdCompressSync(bytes);
    case ".xz":
      return execFileSync("/usr/bin/xz", ["-c"], { input: bytes });
  }
}

/** `size` lies about a member's length. */
export function makeAr(
  members: readonly { readonly name: string; readonly bytes: Uint8Array; readonly size?: string }[],
): Buffer {
  return Buffer.concat([
    Buffer.from("!<arch>\n"),
    ...members.flatMap(({ name, bytes, size = String(bytes.length) }) => [
      Buffer.from(
        `${name.padEnd(16)}${"0".padEnd(12)}${"0".padEnd(6)}${"0".padEnd(6)}100644  ${size.padEnd(10)}\`\n`,
      ),
      bytes,
      Buffer.alloc(bytes.length % 2, "\n"),
    ]),
  ]);
}
