import { fail, pass, type Check, type Question } from "../check.ts";
import { ask } from "../completion.ts";
import type { Subject } from "../subject.ts";

const QUESTION: Question = {
  id: "denied-route",
  title: "A route that would go around the log is refused",
  where: "host",
  expected: "403",
};

/** undefined for a service that has no such route. */
export async function checkDenied({ service, socketPath, server }: Subject): Promise<Check | undefined> {
  if (socketPath === undefined || server?.denied === undefined) return undefined;
  const reply = await ask({ socketPath }, server.denied);
  const question = { ...QUESTION, service };
  if ("error" in reply) return fail(question, { observed: reply.error, reason: "Nobody answered" });
  const observed = `GET ${server.denied}: ${reply.status}`;
  return reply.status === 403
    ? pass(question, { observed, reason: "The gateway knows it, and does not pass it on" })
    : fail(question, { observed, reason: "It was not refused" });
}
