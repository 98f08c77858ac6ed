/**
 * `docker load` over the API. The engine answers HTTP 200 before it has read the tar, and says in the answer's body, a JSON
 * document a line, whether it liked it (moby issues 34416, 40220): every line is read, and one that cannot be is a failure.
 */
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type Docker from "dockerode";
import { engineFailure, engineLost, engineRefused } from "./failure.ts";

export type LoadOptions = {
  readonly signal?: AbortSignal;
  /** How long an engine may neither take nor say anything before it counts as lost: ten minutes. */
  readonly silenceMs?: number;
};

const WHAT = "load images";
const PATIENCE_MS = 60_000;
const SILENCE_MS = 600_000;
const LOADED = /^Loaded image(?: ID)?: (.+)$/;

/**
 * Streams the tar into the engine; returns the references that it says it has loaded, which is no proof that it has.
 * What `tar` throws comes out unchanged, and the engine then sees the stream break off. Throws ENGINE_LOST, ENGINE_REFUSED, and
 * the signal's reason: an engine that has the whole tar goes on with it whoever hangs up, so that its answer is waited for even
 * then, and whoever takes back what was loaded finds it there.
 */
export async function loadImages(
  engine: { readonly docker: Docker; readonly address: string },
  tar: AsyncIterable<Uint8Array>,
  { signal, silenceMs = SILENCE_MS }: LoadOptions = {},
): Promise<readonly string[]> {
  signal?.throwIfAborted();
  const hangUp = new AbortController();
  let fault: { readonly error: unknown } | undefined;
  const silence = setTimeout(() => hangUp.abort(), silenceMs);
  const heard = (): unknown => silence.refresh();
  const body = Readable.from(noticed(tar, heard), { objectMode: false });
  body.on("error", (error) => {
    fault ??= { error };
    hangUp.abort();
  });
  const stop = (): void => {
    if (body.readableEnded) setTimeout(() => hangUp.abort(), PATIENCE_MS).unref();
    else body.destroy(new Error("Stopped"));
  };
  signal?.addEventListener("abort", stop);
  try {
    const answer = await engine.docker.loadImage(body, { abortSignal: hangUp.signal });
    const references = await readAnswer(answer, engine.address, heard);
    signal?.throwIfAborted();
    return references;
  } catch (error) {
    signal?.throwIfAborted();
    if (fault !== undefined) throw fault.error;
    if (hangUp.signal.aborted) throw engineLost(WHAT, engine.address, error);
    throw engineFailure(error, WHAT, engine.address);
  } finally {
    signal?.removeEventListener("abort", stop);
    clearTimeout(silence);
    body.destroy();
  }
}

async function* noticed(tar: AsyncIterable<Uint8Array>, heard: () => unknown): AsyncGenerator<Uint8Array> {
  for await (const chunk of tar) {
    heard();
    yield chunk;
  }
}

async function readAnswer(
  answer: NodeJS.ReadableStream,
  address: string,
  heard: () => unknown,
): Promise<readonly string[]> {
  const references: string[] = [];
  let ended = false;
  answer.once("end", () => {
    ended = true;
  });
  for await (const line of createInterface({ input: answer })) {
    heard();
    if (line.trim() === "") continue;
    const message = parseLine(line);
    if (message.error !== undefined) throw engineRefused(WHAT, message.error);
    const [, reference] = LOADED.exec(message.stream?.trim() ?? "") ?? [];
    if (reference !== undefined) references.push(reference);
  }
  if (!ended) throw engineLost(WHAT, address);
  return references;
}

function parseLine(line: string): { readonly error?: string; readonly stream?: string } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw engineRefused(WHAT, `an answer that is no JSON: ${line.slice(0, 200)}`, error);
  }
  const field = (name: string): string | undefined => {
    const found: unknown = typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
    return typeof found === "string" ? found : undefined;
  };
  const error = field("error") ?? (line.includes('"errorDetail"') ? line.slice(0, 200) : undefined);
  const stream = field("stream");
  return { ...(error === undefined ? {} : { error }), ...(stream === undefined ? {} : { stream }) };
}
