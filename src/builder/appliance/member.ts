import { readableJson, type Json } from "../../shared/canonical-json.ts";
import { digestOf, type Digest } from "../../shared/digest.ts";
import { parseRelativePath, type RelativePath } from "../../shared/relative-path.ts";
import type { StoredBlob } from "../../shared/store/store.ts";
import type { Content } from "../assemble/tree.ts";
import { FILE_MODE } from "../format.ts";

/** One file of the appliance, its digest known before a byte of it is written. */
export type ApplianceMember = {
  readonly path: RelativePath;
  readonly mode: number;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly source: MemberSource;
};

type MemberSource =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "content"; readonly content: Content }
  | { readonly kind: "host file"; readonly path: string };

export function bytesMember(path: string, content: Uint8Array | string, mode = FILE_MODE): ApplianceMember {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  return {
    path: parseRelativePath(path),
    mode,
    digest: digestOf(bytes),
    sizeBytes: bytes.length,
    source: { kind: "bytes", bytes },
  };
}

export function jsonMember(path: string, value: Json): ApplianceMember {
  return bytesMember(path, readableJson(value));
}

export function blobMember(path: string, blob: StoredBlob): ApplianceMember {
  const { digest, sizeBytes } = blob;
  const content = { blob: digest, offset: 0, sizeBytes };
  return {
    path: parseRelativePath(path),
    mode: FILE_MODE,
    digest,
    sizeBytes,
    source: { kind: "content", content },
  };
}
