import type { ContainerFacts } from "../../shared/engine/container-facts.ts";
import type { EngineNetwork } from "../../shared/engine/engine.ts";
import { inconclusive, judgeFaults, type Check, type Question } from "../check.ts";

const QUESTION: Question = {
  id: "network",
  title: "The container is on one internal network, among nobody else",
  where: "host",
  expected: "exactly one network, internal, a bridge, without IPv6, holding only the stack's containers",
};

export function judgeNetwork(
  stack: { readonly container: string; readonly neighbours: readonly string[] },
  container: ContainerFacts | undefined,
  network: EngineNetwork | undefined,
): Check {
  if (network === undefined || container === undefined)
    return inconclusive(QUESTION, {
      observed: `no such ${container === undefined ? "container" : "network"}`,
      reason: "The subject was not seen",
    });
  const members = network.containers;
  const strangers = members.filter((name) => name !== stack.container && !stack.neighbours.includes(name));
  const attached = container.networks.join(", ");
  const faults = [
    ...(attached === network.name ? [] : [`attached to ${attached || "nothing"}`]),
    ...(network.internal ? [] : ["the network is not internal"]),
    ...(network.driver === "bridge" ? [] : [`its driver is ${network.driver}`]),
    ...(network.ipv6 ? ["it has IPv6"] : []),
    ...strangers.map((name) => `container ${name} is on it`),
  ];
  if (faults.length === 0 && !members.includes(stack.container))
    return inconclusive(QUESTION, {
      observed: members.join(", ") || "nobody on it",
      reason: "The container itself is not listed on it",
    });
  return judgeFaults(QUESTION, faults, {
    observed: `${network.name}: internal bridge, no IPv6, holds ${members.join(", ")}`,
    reason: "As the engine tells it",
  });
}
