import { open, type FileHandle } from "node:fs/promises";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { Reporter } from "../../shared/reporter.ts";

export type BuildLog = {
  /** Settles when the output ends, as the output does. */
  readonly finished: Promise<void>;
  /** The last lines so far. */
  tail(): readonly string[];
};

const TAIL_LINES = 40;
const MAX_LINE_LENGTH = 500;

/** Writes a script's output to a file as it comes and tells the reporter about its steps ("== text") and ninja's "[n/m] text". */
export function followLog(output: AsyncIterable<Uint8Array>, path: string, reporter: Reporter): BuildLog {
  const tail: string[] = [];
  const take = (line: string): void => {
    tail.push(line.slice(0, MAX_LINE_LENGTH));
    if (tail.length > TAIL_LINES) tail.shift();
    report(line, reporter);
  };
  return { finished: follow(output, path, take), tail: () => tail };
}

async function follow(
  output: AsyncIterable<Uint8Array>,
  path: string,
  take: (line: string) => void,
): Promise<void> {
  const log = await open(path, "w", 0o644);
  try {
    const lines = createInterface({ input: Readable.from(copyTo(log, output)), crlfDelay: Infinity });
    for await (const line of lines) take(line);
  } finally {
    await log.close();
  }
}

async function* copyTo(log: FileHandle, output: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of output) {
    await log.writeFile(chunk);
    yield chunk;
  }
}

function report(line: string, reporter: Reporter): void {
  const step = /^== (.+)$/.exec(line)?.[1];
  if (step !== undefined) reporter.step(`Compile: ${step}`);
  const [, done, total] = /^\[(\d{1,7})\/(\d{1,7})\] /.exec(line) ?? [];
  if (done === undefined || total === undefined) return;
  reporter.progress({ label: "Compile", done: Number(done), total: Number(total), unit: "items" });
}
