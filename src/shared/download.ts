/** From a server into the store: checked while it streams, resumed where an earlier attempt broke off. */
import { createReadStream } from "node:fs";
import { open, rm, truncate } from "node:fs/promises";
import { createHasher, type Hasher } from "./digest.ts";
import { AppError, isErrno } from "./errors.ts";
import type { Http, HttpResponse } from "./http.ts";
import { claimPartial, dropAbandoned, type ClaimedPartial } from "./store/partial.ts";
import { diskError, type Store, type StoredBlob } from "./store/store.ts";
import { showUrl } from "./url.ts";

export type Download = {
  readonly url: string;
  readonly expected: StoredBlob;
  /** How many of its bytes are here, each time that changes. */
  readonly onProgress?: (receivedBytes: number) => void;
};
export type DownloadDeps = { readonly store: Store; readonly http: Http; readonly signal?: AbortSignal };

/** The beginning of a file that is here, already hashed. */
type Beginning = { readonly hasher: Hasher; sizeBytes: number };

/**
 * Throws AppError SIZE_MISMATCH and DIGEST_MISMATCH (integrity), leaving nothing; HTTP_NOT_FOUND and HTTP_STATUS (unavailable); what
 * `Http` throws; DISK_FULL (preflight). When the network fails, what came is kept, and the next call goes on from there.
 */
export async function download(wanted: Download, deps: DownloadDeps): Promise<void> {
  const { store } = deps;
  const { digest } = wanted.expected;
  try {
    await downloadInto(await claimPartial(store, digest), wanted, deps);
    await dropAbandoned(store, digest);
  } catch (error) {
    throw diskError(error, store.root);
  }
}

async function downloadInto(partial: ClaimedPartial, wanted: Download, deps: DownloadDeps): Promise<void> {
  try {
    await fill(partial.path, wanted, deps);
    await deps.store.adopt(partial.path, wanted.expected.digest);
  } catch (error) {
    if (isWorthless(error)) await rm(partial.path, { force: true });
    else await partial.release();
    throw error;
  }
}

/** What is left of the wrong bytes helps nobody; on a full disk it is in the way. */
function isWorthless(error: unknown): boolean {
  return isMismatch(error) || isErrno(error, "ENOSPC") || isErrno(error, "EDQUOT");
}

/** Throws for a status other than 200 and 206: HTTP_NOT_FOUND where the file is gone, else HTTP_STATUS (unavailable). */
export function assertFound(response: Pick<HttpResponse, "status" | "url">): void {
  const { status } = response;
  if (status === 200 || status === 206) return;
  const url = showUrl(response.url);
  throw new AppError(
    { class: "unavailable", code: status === 404 || status === 410 ? "HTTP_NOT_FOUND" : "HTTP_STATUS" },
    `Cannot get "${url}": the server answered ${status}, expected 200`,
    { fields: { url, status } },
  );
}

/** What an earlier run left may be damaged or of another file: then once more, from the start. */
async function fill(path: string, wanted: Download, deps: DownloadDeps): Promise<void> {
  const kept = await hashFile(path);
  if (kept.sizeBytes > 0) {
    try {
      return await append(path, { kept, wanted, deps });
    } catch (error) {
      if (!isMismatch(error)) throw error;
    }
  }
  await append(path, { kept: nothing(), wanted, deps });
}

type Work = { readonly kept: Beginning; readonly wanted: Download; readonly deps: DownloadDeps };

async function append(path: string, { kept, wanted, deps }: Work): Promise<void> {
  const { expected, url } = wanted;
  if (kept.sizeBytes >= expected.sizeBytes && kept.sizeBytes > 0) return assertExpected(kept, wanted);
  const response = await deps.http.get(url, { offset: kept.sizeBytes, ...signalOf(deps) });
  try {
    assertFound(response);
    if (response.sizeBytes !== undefined && response.sizeBytes !== expected.sizeBytes)
      throw mismatch("SIZE_MISMATCH", wanted, { received: response.sizeBytes, expected: expected.sizeBytes });
    const beginning = response.offset === kept.sizeBytes ? kept : nothing();
    if (response.offset !== beginning.sizeBytes) throw new Error(`Not a range that was asked for: ${url}`);
    await truncate(path, beginning.sizeBytes);
    await write(path, { beginning, response, wanted });
    assertExpected(beginning, wanted);
  } finally {
    response.cancel();
  }
}

async function write(
  path: string,
  work: { readonly beginning: Beginning; readonly response: HttpResponse; readonly wanted: Download },
): Promise<void> {
  const { beginning, response, wanted } = work;
  const file = await open(path, "a");
  try {
    for await (const chunk of response.body) {
      beginning.sizeBytes += chunk.length;
      if (beginning.sizeBytes > wanted.expected.sizeBytes) return;
      beginning.hasher.update(chunk);
      await file.writeFile(chunk);
      wanted.onProgress?.(beginning.sizeBytes);
    }
  } finally {
    await file.close();
  }
}

function assertExpected(received: Beginning, wanted: Download): void {
  const { digest, sizeBytes } = wanted.expected;
  if (received.sizeBytes !== sizeBytes)
    throw mismatch("SIZE_MISMATCH", wanted, { received: received.sizeBytes, expected: sizeBytes });
  const own = received.hasher.finish().digest;
  if (own !== digest) throw mismatch("DIGEST_MISMATCH", wanted, { received: own, expected: digest });
}

function mismatch(
  code: "SIZE_MISMATCH" | "DIGEST_MISMATCH",
  wanted: Download,
  fields: { readonly received: string | number; readonly expected: string | number },
): AppError {
  const url = showUrl(wanted.url);
  const unit = code === "SIZE_MISMATCH" ? " bytes" : "";
  return new AppError(
    { class: "integrity", code },
    `Cannot accept "${url}": received ${fields.received}${unit}, expected ${fields.expected}${unit}`,
    {
      hint: "The server's file is not the one that was locked; nothing of it was kept",
      fields: { url, ...fields },
    },
  );
}

function isMismatch(error: unknown): boolean {
  return error instanceof AppError && error.class === "integrity";
}

async function hashFile(path: string): Promise<Beginning> {
  const beginning = nothing();
  const chunks: AsyncIterable<Uint8Array> = createReadStream(path, { highWaterMark: 1 << 20 });
  for await (const chunk of chunks) {
    beginning.hasher.update(chunk);
    beginning.sizeBytes += chunk.length;
  }
  return beginning;
}

function nothing(): Beginning {
  return { hasher: createHasher(), sizeBytes: 0 };
}

function signalOf(deps: DownloadDeps): { readonly signal?: AbortSignal } {
  return deps.signal === undefined ? {} : { signal: deps.signal };
}
