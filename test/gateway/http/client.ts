import { once } from "node:events";
import { request, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { connect } from "node:net";

export type Where = { readonly port: number } | { readonly socketPath: string };

export type Question = {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
};

export type Seen = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly bytes: Buffer;
  /** As they came off the wire. */
  readonly chunks: readonly string[];
  /** False where the connection ended before the answer did. */
  readonly isWhole: boolean;
};

export const CHAT_PATH = "/v1/chat/completions";
export const ASK = { model: "demo", messages: [{ role: "user", content: "Hi" }] };

export const EMBEDDINGS_PATH = "/v1/embeddings";
export const EMBED = { model: "embed", input: ["What a document says", "and goes on to say"] };

export async function ask(where: Where, question: Question = {}): Promise<Seen> {
  return await collect(begin(where, question));
}

/** Sent, and not yet answered. */
export function begin(where: Where, question: Question = {}): ClientRequest {
  const { method = "POST", path = CHAT_PATH, body = method === "POST" ? ASK : undefined } = question;
  const bytes =
    body === undefined || body instanceof Buffer || typeof body === "string" ? body : JSON.stringify(body);
  const to = "port" in where ? { host: "127.0.0.1", port: where.port } : where;
  const length = question.headers?.["transfer-encoding"] === undefined ? lengthOf(bytes) : {};
  const call = request({ ...to, method, path, agent: false, headers: { ...length, ...question.headers } });
  call.end(bytes);
  return call;
}

export async function answerOf(call: ClientRequest): Promise<IncomingMessage> {
  const [answer] = (await once(call, "response")) as [IncomingMessage];
  return answer;
}

export async function collect(call: ClientRequest): Promise<Seen> {
  const answer = await answerOf(call);
  const chunks: Buffer[] = [];
  answer.on("data", (chunk: Buffer) => chunks.push(chunk));
  await closed(answer);
  const bytes = Buffer.concat(chunks);
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    text: bytes.toString("utf8"),
    bytes,
    chunks: chunks.map((chunk) => chunk.toString("utf8")),
    isWhole: answer.complete,
  };
}

/** Also where it is cut. */
export async function closed(answer: IncomingMessage): Promise<void> {
  answer.on("error", () => undefined);
  await new Promise<void>((resolve) => answer.once("close", resolve));
}

/** Bytes as they are, and all that comes back until the connection ends. */
export async function sendRaw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let text = "";
  socket.on("data", (chunk) => (text += chunk.toString("latin1")));
  socket.on("error", () => undefined);
  socket.write(bytes, "latin1");
  await once(socket, "close");
  return text;
}

export function errorOf(seen: Seen): unknown {
  return (JSON.parse(seen.text) as { error: unknown }).error;
}

function lengthOf(bytes: Buffer | string | undefined): Record<string, number> {
  return bytes === undefined ? {} : { "content-length": Buffer.byteLength(bytes) };
}
