/** A small document from a registry, whole in memory: an index page, a package's description. */
import { AppError } from "../../../shared/errors.ts";
import { assertFound } from "../../../shared/download.ts";
import type { Http } from "../../../shared/http.ts";
import { showUrl } from "../../../shared/url.ts";

export type RegistryDocument = { readonly bytes: Buffer; readonly contentType: string; readonly url: string };
export type DocumentDeps = { readonly http: Http; readonly signal?: AbortSignal };

const MAX_BYTES = 64 * 1024 * 1024;

/** Throws AppError DOCUMENT_TOO_LARGE (integrity), HTTP_NOT_FOUND and HTTP_STATUS (unavailable), and what `Http` throws. */
export async function readDocument(
  query: { readonly url: string; readonly accept?: string },
  { http, signal }: DocumentDeps,
): Promise<RegistryDocument> {
  const { url, ...options } = query;
  const response = await http.get(url, signal === undefined ? options : { ...options, signal });
  assertFound(response);
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of response.body) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_BYTES) throw tooLarge(url);
    chunks.push(chunk);
  }
  return {
    bytes: Buffer.concat(chunks),
    contentType: response.headers["content-type"] ?? "",
    url: response.url,
  };
}

/** Where a path lies on a mirror: each part escaped, `+` too, which some servers take for a blank. */
export function urlBelow(mirror: string, path: string): string {
  return mirror + path.split("/").map(encodeURIComponent).join("/");
}

function tooLarge(url: string): AppError {
  return new AppError(
    { class: "integrity", code: "DOCUMENT_TOO_LARGE" },
    `Cannot read "${showUrl(url)}": it is over ${MAX_BYTES} bytes`,
  );
}
