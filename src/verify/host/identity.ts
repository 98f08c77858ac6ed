import type { ApplianceImage } from "../../shared/appliance/manifest.ts";
import type { ContainerFacts } from "../../shared/engine/container-facts.ts";
import type { EngineImage } from "../../shared/engine/engine.ts";
import { inconclusive, judgeFaults, plural, type Check, type Question } from "../check.ts";

const QUESTION: Question = {
  id: "image-identity",
  title: "The container runs the image that appliance.json names",
  where: "host",
  expected:
    "running; image ID is the config digest (graph driver) or the manifest digest (containerd store); same layers",
};

/** `image`: what the engine says of the image that the container says it runs. */
export function judgeIdentity(
  listed: ApplianceImage,
  container: ContainerFacts | undefined,
  image: EngineImage | undefined,
): Check {
  if (container === undefined || image === undefined)
    return inconclusive(QUESTION, {
      observed: `no such ${container === undefined ? "container" : "image"}`,
      reason: "The subject was not seen",
    });
  const id = container.imageId;
  const layers = plural(image.diffIds.length, "layer");
  const faults = [
    ...(container.state === "running" ? [] : [`the container is ${container.state}`]),
    ...(id === listed.configDigest || id === listed.manifestDigest ? [] : [`the container's image is ${id}`]),
    ...(image.id === id ? [] : [`the engine shows that image as ${image.id}`]),
    ...(image.diffIds.join() === listed.diffIds.join() ? [] : ["its layers are others"]),
  ];
  const number = id === listed.configDigest ? "config digest" : "manifest digest";
  return judgeFaults(QUESTION, faults, {
    observed: `${id}, the ${number}; ${layers}`,
    reason: "ID and layers equal those in appliance.json",
  });
}
