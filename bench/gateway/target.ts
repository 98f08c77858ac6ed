/** A server that answers chat completions, and how it wants to be asked. */
export type Target = {
  readonly name: string;
  readonly port: number;
  readonly path: string;
  readonly model: string;
  readonly headers: Readonly<Record<string, string>>;
};

export type Started = {
  readonly target: Target;
  readonly pids: readonly number[];
  readonly stop: () => Promise<void>;
};

export function chatTarget(name: string, port: number): Target {
  return { name, port, path: "/v1/chat/completions", model: "demo", headers: {} };
}

export type ChatBody = { readonly stream: boolean; readonly text: string; readonly padBytes?: number };

/** `padBytes`: how long the whole body is at least. */
export function chatRequest(target: Target, { stream, text, padBytes = 0 }: ChatBody): Buffer {
  const bodyOf = (padding: string): string =>
    JSON.stringify({
      model: target.model,
      stream,
      messages: [
        { role: "system", content: `You are a helpful assistant. ${padding}` },
        { role: "user", content: text },
      ],
    });
  const body = bodyOf("x".repeat(Math.max(0, padBytes - bodyOf("").length)));
  const headers = {
    host: `127.0.0.1:${target.port}`,
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(body)),
    ...target.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST ${target.path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
}
