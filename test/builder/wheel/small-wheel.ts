/** Wheels made by hand, honest ones and others: the zip is written here, so that any field of it can lie. */
import { createHash } from "node:crypto";
import { crc32, deflateRawSync } from "node:zlib";
import type { LockedWheel } from "../../../src/builder/lock/lock.ts";
import { parseRelativePath } from "../../../src/shared/relative-path.ts";
import type { Store } from "../../../src/shared/store/store.ts";

export type ZipFile = {
  readonly path: string;
  readonly bytes?: string | Uint8Array;
  /** Of Unix, with the kind. */
  readonly mode?: number;
  readonly method?: number;
  readonly flags?: number;
  /** What the directory says of its size. */
  readonly claimedBytes?: number;
};

/** APPNOTE.TXT: local headers with their data, the central directory, its end. */
export function makeZip(files: readonly ZipFile[]): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const { path, bytes = "", mode = 0o100644, method = 8, flags = 0x800, claimedBytes } of files) {
    const plain = Buffer.from(bytes);
    const packed = method === 8 ? deflateRawSync(plain) : plain;
    const name = Buffer.from(path);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(flags, 2);
    fields.writeUInt16LE(method, 4);
    fields.writeUInt32LE(crc32(plain), 10);
    fields.writeUInt32LE(packed.length, 14);
    fields.writeUInt32LE(claimedBytes ?? plain.length, 18);
    fields.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), fields, name, packed]);
    const end = Buffer.alloc(14);
    end.writeUInt32LE(mode * 0x10000, 6);
    end.writeUInt32LE(offset, 10);
    central.push(Buffer.from("PK\x01\x02\x14\x03", "latin1"), fields, end, name);
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...locals, directory, Buffer.from("PK\x05\x06"), end]);
}

export type SmallWheel = {
  readonly project?: string;
  readonly version?: string;
  readonly files?: Readonly<Record<string, string>>;
  /** Added to the zip or put in the place of a file, and not looked at by RECORD. */
  readonly raw?: readonly ZipFile[];
  readonly record?: (lines: readonly string[]) => readonly string[];
  readonly metadata?: string;
  readonly wheel?: string;
  readonly programs?: readonly string[];
};

export function recordLine(path: string, bytes: string, algorithm = "sha256"): string {
  const hash = createHash(algorithm).update(bytes).digest("base64url");
  return `${path},${algorithm}=${hash},${Buffer.byteLength(bytes)}`;
}

export function wheelBytes(small: SmallWheel = {}): Buffer {
  const { project = "alpha", version = "1.0", raw = [], programs = [] } = small;
  const info = `${project.replaceAll("-", "_")}-${version}.dist-info`;
  const files: Readonly<Record<string, string>> = {
    ...(small.files ?? { [`${project}/__init__.py`]: "x = 1\n" }),
    [`${info}/METADATA`]:
      small.metadata ?? `Metadata-Version: 2.1\nName: ${project}\nVersion: ${version}\n\nText\n`,
    [`${info}/WHEEL`]: small.wheel ?? "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
  };
  const replaced = new Set(raw.map(({ path }) => path));
  const lines = [...Object.entries(files).map(([path, text]) => recordLine(path, text)), `${info}/RECORD,,`];
  const record = (small.record ?? ((all) => all))(lines)
    .map((line) => `${line}\n`)
    .join("");
  return makeZip([
    ...Object.entries(files)
      .filter(([path]) => !replaced.has(path))
      .map(([path, bytes]) => ({ path, bytes, mode: programs.includes(path) ? 0o100755 : 0o100644 })),
    ...raw,
    ...(replaced.has(`${info}/RECORD`) ? [] : [{ path: `${info}/RECORD`, bytes: record }]),
  ]);
}

/** In the store, as a lock names it. */
export async function storeWheel(
  store: Store,
  bytes: Uint8Array,
  identity: { readonly project?: string; readonly version?: string; readonly because?: string } = {},
): Promise<LockedWheel> {
  const { project = "alpha", version = "1.0", because } = identity;
  const { digest, sizeBytes } = await store.add([bytes]);
  return {
    purl: `pkg:pypi/${project}@${version}`,
    mirror: "pypi",
    path: parseRelativePath(`${project}/${project.replaceAll("-", "_")}-${version}-py3-none-any.whl`),
    sha256: digest,
    sizeBytes,
    project,
    version,
    ...(because === undefined ? {} : { because }),
  };
}
