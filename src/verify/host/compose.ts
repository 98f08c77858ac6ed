import { parse } from "yaml";
import { inconclusive, judgeFaults, type Check, type Question } from "../check.ts";
import { at, entriesAt, textAt } from "../json.ts";

const QUESTION: Question = {
  id: "pull-policy",
  title: "No service may ever ask a registry",
  where: "host",
  expected: "pull_policy never for every service, and none that builds",
};

export function judgeCompose(text: string): Check {
  const services = entriesAt(parse(text), "services");
  if (services.length === 0)
    return inconclusive(QUESTION, {
      observed: "no service in the compose file",
      reason: "The subject was not seen",
    });
  const faults = services.flatMap(([name, service]) => [
    ...(textAt(service, "pull_policy") === "never"
      ? []
      : [`${name}: pull_policy ${textAt(service, "pull_policy") ?? "not set"}`]),
    ...(at(service, "build") === undefined ? [] : [`${name} is built`]),
  ]);
  return judgeFaults(QUESTION, faults, {
    observed: services.map(([name]) => `${name}: never`).join(", "),
    reason: "Read from the release's compose file",
  });
}
