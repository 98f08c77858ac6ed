import { parse } from "yaml";
import { inconclusive, judgeFaults, type Check, type Question } from "../check.ts";
import { at, entriesAt, textAt } from "../json.ts";

const QUESTION: Question = {
  id: "pull-policy",
  title: "No service may ever ask a registry",
  where: "host",
  expected: "pull_policy never for every service, and none that builds",
};

/** `texts`: every file that is read. A service that extends another one of them is judged there. */
export function judgeCompose(texts: readonly string[]): Check {
  const all = texts.flatMap((text) => entriesAt(parse(text), "services"));
  const services = all.filter(([, service]) => at(service, "extends") === undefined);
  if (services.length === 0)
    return inconclusive(QUESTION, {
      observed: "no service in the compose files",
      reason: "The subject was not seen",
    });
  const faults = all.flatMap(([name, service]) => [
    ...policyFaults(name, service),
    ...(at(service, "build") === undefined ? [] : [`${name} is built`]),
  ]);
  return judgeFaults(QUESTION, faults, {
    observed: services.map(([name]) => `${name}: never`).join(", "),
    reason: "Read from the release's compose files",
  });
}

/** One that extends another has its policy, unless it says otherwise. */
function policyFaults(name: string, service: unknown): readonly string[] {
  const policy = textAt(service, "pull_policy");
  if (policy === "never" || (policy === undefined && at(service, "extends") !== undefined)) return [];
  return [`${name}: pull_policy ${policy ?? "not set"}`];
}
