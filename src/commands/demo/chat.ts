import { askLocal } from "../../shared/local-http.ts";
import { AppError } from "../../shared/errors.ts";
import { parseJson, textAt } from "../../verify/json.ts";

const QUESTION = "Who are you?";

export type Chat = { readonly question: string; readonly answer: string };

/** One completion at temperature 0 over the model's Unix socket. Throws AppError NO_COMPLETION (engine). */
export async function chatOnce(socketPath: string): Promise<Chat> {
  const body = JSON.stringify({
    messages: [{ role: "user", content: QUESTION }],
    temperature: 0,
    max_tokens: 64,
  });
  const { status, body: answer } = await askLocal(
    { socketPath },
    { method: "POST", path: "/v1/chat/completions", body, timeoutMs: 300_000 },
  );
  const content = status === 200 ? textAt(parseJson(answer), "choices", 0, "message", "content") : undefined;
  if (content !== undefined) return { question: QUESTION, answer: content };
  throw new AppError(
    { class: "engine", code: "NO_COMPLETION" },
    `Cannot get a completion: the server answered ${status}: ${answer.slice(0, 300)}`,
  );
}
