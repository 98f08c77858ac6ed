import type { ContainerFacts } from "../../shared/engine/container-facts.ts";
import { compareWithDemands, type ContainerDemands } from "../../shared/engine/demands.ts";
import { inconclusive, judgeFaults, summarize, type Check, type Question } from "../check.ts";

const QUESTION: Question = {
  id: "container-settings",
  title: "The container's settings give it no power and no way out",
  where: "host",
  expected:
    "every demand on user, root, capabilities, devices, name spaces, networks, dns, ports and limits met",
};

/** The others send what a container writes away, from the host and past every network of the container. */
const LOCAL_LOGS = ["json-file", "local", "journald", "none"];
const ENGINE_SOCKET = /(?:docker|containerd|podman|crio)[^/]*\.sock$/;

export function judgeSettings(
  demands: ContainerDemands,
  container: ContainerFacts | undefined,
  /** Whose network namespace it is to share. */
  owner?: ContainerFacts,
): Check {
  if (container === undefined)
    return inconclusive(QUESTION, { observed: "no such container", reason: "The subject was not seen" });
  const results = compareWithDemands(container, demands, owner);
  const faults = [
    ...results.flatMap(({ demand, want, got, met }) => (met ? [] : [`${demand}: ${got}, not ${want}`])),
    ...container.extraHosts.map((host) => `extra host ${host}`),
    ...(LOCAL_LOGS.includes(container.logDriver)
      ? []
      : [`log driver "${container.logDriver}" sends logs away`]),
    ...container.mounts.flatMap(({ source }) =>
      ENGINE_SOCKET.test(source) ? [`engine socket ${source}`] : [],
    ),
  ];
  return judgeFaults(QUESTION, faults, {
    observed: summarize(results.map(({ demand, got }) => `${demand} ${got}`)),
    reason: `All ${results.length} demands met, by what the engine says; no engine socket, no extra host, logs stay here`,
  });
}
