import { AppError } from "../../../shared/errors.ts";
import { byKey } from "../../../shared/order.ts";
import type { ContentReader } from "../contents.ts";
import type { NewNode } from "../new-node.ts";
import type { FileEntry, RootBuilder } from "../root-builder.ts";

const CERTIFICATES = "usr/share/ca-certificates/";

/**
 * The one file that update-ca-certificates(8) makes of all certificates of package ca-certificates. Throws AppError
 * CA_CERTIFICATES_MISSING (usage) where there are none.
 */
export async function caBundle(builder: RootBuilder, contents: ContentReader): Promise<NewNode> {
  const certificates = [...builder.entries()]
    .filter((entry): entry is FileEntry => entry.kind === "file" && isCertificate(entry.path))
    .sort(byKey(({ path }) => path));
  if (certificates.length === 0) throw missing();
  const parts: Uint8Array[] = [];
  for (const { content } of certificates) {
    const bytes = await contents.read(content);
    parts.push(bytes);
    if (bytes.at(-1) !== 0x0a) parts.push(Buffer.from("\n"));
  }
  return { kind: "bytes", path: "etc/ssl/certs/ca-certificates.crt", bytes: Buffer.concat(parts) };
}

function isCertificate(path: string): boolean {
  return path.startsWith(CERTIFICATES) && path.endsWith(".crt");
}

function missing(): AppError {
  return new AppError(
    { class: "usage", code: "CA_CERTIFICATES_MISSING" },
    `Cannot write the bundle of certificates: no package has any below "/${CERTIFICATES}", expected ca-certificates`,
    { hint: "Name ca-certificates among the recipe's packages, or leave caBundle out" },
  );
}
