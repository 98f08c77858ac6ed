/** One question to the model whose answer is known, or must be the same twice: from inside over TCP, from the host over the socket. */
import { fail, inconclusive, pass, type Check, type Question } from "./check.ts";
import { AppError } from "../shared/errors.ts";
import { askLocal, type LocalAnswer, type LocalServer } from "../shared/local-http.ts";
import { parseJson, textAt } from "./json.ts";

const REQUEST = {
  messages: [{ role: "user", content: "Say something." }],
  temperature: 0,
  seed: 1,
  max_tokens: 24,
  cache_prompt: false,
};
const TIMEOUT_MS = 120_000;

/** A whole answer, or the reason why there is none. */
export type Reply = LocalAnswer | { readonly error: string };

export async function ask(server: LocalServer, path: string): Promise<Reply> {
  return settle(askLocal(server, { method: "GET", path }));
}

export async function complete(server: LocalServer): Promise<Reply> {
  const call = {
    method: "POST",
    path: "/v1/chat/completions",
    body: JSON.stringify(REQUEST),
    timeoutMs: TIMEOUT_MS,
  } as const;
  return settle(askLocal(server, call));
}

async function settle(answer: Promise<LocalAnswer>): Promise<Reply> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof AppError) return { error: error.message };
    throw error;
  }
}

export function completionQuestion(where: Check["where"], answer: string | undefined): Question {
  const via = where === "inside" ? "over TCP inside" : "over the host's Unix socket";
  return {
    id: where === "inside" ? "completion" : "completion-by-socket",
    title: `A chat completion at temperature 0 ${via}`,
    where,
    expected:
      answer === undefined
        ? "two runs with one seed give the same text"
        : `exactly ${JSON.stringify(answer)}`,
  };
}

export function judgeCompletion(
  question: Question,
  replies: readonly Reply[],
  answer: string | undefined,
): Check {
  const texts = replies.map(textOf);
  const observed = texts
    .map((text) => (text.kind === "text" ? JSON.stringify(text.value.slice(0, 200)) : text.why))
    .join("; ");
  if (texts.length < 2)
    return inconclusive(question, { observed, reason: "Fewer than two answers were asked for" });
  const failed = texts.find((text) => text.kind === "none");
  if (failed !== undefined)
    return fail(question, { observed: failed.why, reason: "The model did not answer" });
  const values = texts.map((text) => (text.kind === "text" ? text.value : ""));
  if (new Set(values).size > 1)
    return fail(question, { observed, reason: "The same question got different answers" });
  if (answer === undefined)
    return values[0] === ""
      ? fail(question, { observed, reason: "The answer is empty" })
      : pass(question, {
          observed,
          reason: "No exact answer is known for this model: two runs were compared with each other",
        });
  if (values[0] !== answer) return fail(question, { observed, reason: "The answer is not the known one" });
  return pass(question, { observed, reason: "Both runs gave the one answer that these weights can give" });
}

type Text =
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "none"; readonly why: string };

function textOf(reply: Reply): Text {
  if ("error" in reply) return { kind: "none", why: reply.error };
  if (reply.status !== 200)
    return { kind: "none", why: `status ${reply.status}: ${reply.body.slice(0, 200)}` };
  const value = textAt(parseJson(reply.body), "choices", 0, "message", "content");
  return value === undefined ? { kind: "none", why: "an answer without content" } : { kind: "text", value };
}
