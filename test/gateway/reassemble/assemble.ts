import {
  createReassembly,
  type AnswerKind,
  type Assembled,
} from "../../../src/gateway/reassemble/reassembly.ts";

export const SSE = "text/event-stream";

export function event(data: unknown, name?: string): string {
  return `${name === undefined ? "" : `event: ${name}\n`}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
}

export function assemble(kind: AnswerKind, stream: string | readonly Uint8Array[]): Assembled {
  const reassembly = createReassembly(kind, SSE);
  for (const chunk of typeof stream === "string" ? [Buffer.from(stream)] : stream) reassembly.push(chunk);
  return reassembly.finish();
}

/** What is kept, or what stands in it at a path. */
export function contentOf({ content }: Assembled, ...path: readonly (string | number)[]): unknown {
  const answer: unknown = JSON.parse(Buffer.concat(content).toString());
  return path.reduce<unknown>((value, key) => (isIndexable(value) ? value[key] : undefined), answer);
}

function isIndexable(value: unknown): value is Readonly<Record<string | number, unknown>> {
  return typeof value === "object" && value !== null;
}

export function chatChunk(delta: unknown, more: object = {}): string {
  return event({
    choices: [{ index: 0, delta, finish_reason: null, ...more }],
    object: "chat.completion.chunk",
  });
}
