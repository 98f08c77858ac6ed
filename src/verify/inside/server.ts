import { fail, pass, type Check, type Question } from "../check.ts";
import { ask, complete, completionQuestion, judgeCompletion, type Reply } from "../completion.ts";
import { at, parseJson } from "../json.ts";
import type { InsidePlan } from "./plan.ts";

const HEALTH: Question = {
  id: "health",
  title: "/health answers 200",
  where: "inside",
  expected: '200 with status "ok"',
};

export async function checkServer(
  { port, alias }: NonNullable<InsidePlan["server"]>,
  answer: string | undefined,
): Promise<readonly Check[]> {
  const server = { port };
  const health = judgeHealth(await ask(server, "/health"));
  const models = judgeModels(alias, await ask(server, "/v1/models"));
  const replies = [await complete(server), await complete(server)];
  return [health, models, judgeCompletion(completionQuestion("inside", answer), replies, answer)];
}

export function judgeHealth(reply: Reply): Check {
  if ("error" in reply) return fail(HEALTH, { observed: reply.error, reason: "The server did not answer" });
  const observed = `${reply.status} ${reply.body.trim().slice(0, 100)}`;
  const isOk = reply.status === 200 && at(parseJson(reply.body), "status") === "ok";
  return isOk
    ? pass(HEALTH, { observed, reason: "The model is loaded" })
    : fail(HEALTH, { observed, reason: "It is not well" });
}

export function judgeModels(alias: string, reply: Reply): Check {
  const question: Question = {
    id: "models",
    title: "/v1/models lists the one model and no path",
    where: "inside",
    expected: `exactly "${alias}"`,
  };
  if ("error" in reply) return fail(question, { observed: reply.error, reason: "The server did not answer" });
  const data = at(parseJson(reply.body), "data");
  const ids = Array.isArray(data) ? data.map((entry: unknown) => at(entry, "id")) : undefined;
  if (reply.status !== 200 || ids === undefined)
    return fail(question, {
      observed: `${reply.status} ${reply.body.slice(0, 200)}`,
      reason: "It lists no models",
    });
  const observed = ids.map(String).join(", ");
  if (ids.length !== 1 || ids[0] !== alias)
    return fail(question, { observed, reason: "It lists something else" });
  if (/\.gguf|"\/[a-z]/i.test(reply.body))
    return fail(question, { observed: reply.body.slice(0, 200), reason: "It shows a path" });
  return pass(question, { observed, reason: "One entry, and nothing in the answer looks like a path" });
}
