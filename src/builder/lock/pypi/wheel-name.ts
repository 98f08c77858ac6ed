/** The file name of a wheel (PEP 427): project, version, perhaps a build number, and the tags of where it runs. */
import { normaliseProject } from "../registry/pypi.ts";

export type WheelName = {
  /** Normalised. */
  readonly project: string;
  readonly version: string;
  /** Breaks ties between wheels of one version; 0 where there is none. */
  readonly build: number;
  /** "py3-none-any", each combination of a compressed set. */
  readonly tags: readonly string[];
};

const NAME =
  /^(?<project>[A-Za-z0-9._]+)-(?<version>[A-Za-z0-9._!+]+)(?:-(?<build>\d+)[A-Za-z0-9._]*)?-(?<python>[\w.]+)-(?<abi>[\w.]+)-(?<platform>[\w.]+)\.whl$/;

/** undefined for a name that is no wheel's. */
export function parseWheelName(name: string): WheelName | undefined {
  const groups = NAME.exec(name)?.groups;
  if (groups === undefined) return undefined;
  const { project = "", version = "", build = "0", python = "", abi = "", platform = "" } = groups;
  const tags = python
    .split(".")
    .flatMap((one) =>
      abi.split(".").flatMap((two) => platform.split(".").map((three) => `${one}-${two}-${three}`)),
    );
  return { project: normaliseProject(project), version, build: Number(build), tags };
}
