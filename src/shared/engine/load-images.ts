/**
 * `docker load` over the API. The engine answers HTTP 200 before it has read the tar, and says in the answer's body, a JSON
 * document a line, whether it liked it (moby issues 34416, 40220): every line is read, and one that cannot be is a failure.
 */
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type Docker from "dockerode";
import { engineFailure, engineLost, engineRefused } from "./failure.ts";

export type LoadOptions = { readonly signal?: AbortSignal };

const WHAT = "load images";
const LOADED = /^Loaded image(?: ID)?: (.+)$/;

/**
 * Streams the tar into the engine; returns the references that it says it has loaded, which is no proof that it has.
 * What `tar` throws comes out unchanged, and the engine then sees the stream break off. Throws ENGINE_LOST, ENGINE_REFUSED.
 */
export async function loadImages(
  engine: { readonly docker: Docker; readonly address: string },
  tar: AsyncIterable<Uint8Array>,
  options: LoadOptions = {},
): Promise<readonly string[]> {
  const abort = new AbortController();
  let sourceFault: { readonly error: unknown } | undefined;
  const body = Readable.from(tar, { objectMode: false });
  body.on("error", (error) => {
    sourceFault ??= { error };
    abort.abort();
  });
  const signal = AbortSignal.any([abort.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  try {
    const answer = await engine.docker.loadImage(body, { abortSignal: signal });
    return await readAnswer(answer, engine.address);
  } catch (error) {
    if (sourceFault !== undefined) throw sourceFault.error;
    options.signal?.throwIfAborted();
    throw engineFailure(error, WHAT, engine.address);
  } finally {
    body.destroy();
  }
}

async function readAnswer(answer: NodeJS.ReadableStream, address: string): Promise<readonly string[]> {
  const references: string[] = [];
  let ended = false;
  answer.once("end", () => {
    ended = true;
  });
  for await (const line of createInterface({ input: answer })) {
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
