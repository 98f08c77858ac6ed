import type { ContainerMounts } from "../../shared/engine/engine.ts";
import { inconclusive, judgeFaults, type Check, type Question } from "../check.ts";

/** Whether nobody but these has the folder, or a folder above or below it, in any container of this engine. */
export function judgeReserved(
  { folder, containers }: { readonly folder: string; readonly containers: readonly string[] },
  all: readonly ContainerMounts[],
): Check {
  const question: Question = {
    id: "reserved-socket",
    title: "Only the gateway can open the model's socket",
    where: "host",
    expected: `"${folder}" is mounted into ${containers.join(" and ")}, and into no other container`,
  };
  const having = all
    .filter(({ sources }) => sources.some((source) => overlaps(source, folder)))
    .map(({ name }) => name);
  if (!containers.every((name) => having.includes(name)))
    return inconclusive(question, {
      observed: having.join(", ") || "mounted nowhere",
      reason: "The containers that should have it were not seen with it",
    });
  const others = having.filter((name) => !containers.includes(name));
  return judgeFaults(
    question,
    others.map((name) => `${name} has it`),
    { observed: having.join(", "), reason: "By the mounts of every container of this engine" },
  );
}

function overlaps(source: string, folder: string): boolean {
  return (
    source === folder || folder.startsWith(`${source.replace(/\/$/, "")}/`) || source.startsWith(`${folder}/`)
  );
}
