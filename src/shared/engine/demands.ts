/** What every service container of an appliance must be, held against what the engine says it is. */
import type { ContainerFacts } from "./container-facts.ts";

export type ContainerDemands = {
  /** "uid:gid", numeric. */
  readonly user: string;
  /** The networks that it may be on, all of them internal. */
  readonly networks: readonly string[];
  readonly dns: readonly string[];
  /** The container whose network namespace it shares, by name. */
  readonly networkOf?: string;
};

/** One demand: `want` and `got` in words that can stand in a table. */
export type DemandResult = {
  readonly demand: string;
  readonly want: string;
  readonly got: string;
  readonly met: boolean;
};

/** Every demand in a fixed order, met or not. */
export function compareWithDemands(
  facts: ContainerFacts,
  demands: ContainerDemands,
  /** The one that `demands.networkOf` names, as the engine shows it. */
  owner?: ContainerFacts,
): readonly DemandResult[] {
  const noNewPrivileges = facts.securityOptions.some((one) => /^no-new-privileges(?:[:=]true)?$/.test(one));
  const unconfined = facts.securityOptions.filter((one) => one.includes("unconfined"));
  const foreignSpaces = [facts.pidMode, facts.ipcMode].filter((mode) => /^(?:host|container:)/.test(mode));
  return [
    same("user", demands.user, facts.user),
    same("root file system", "read-only", facts.readOnlyRoot ? "read-only" : "writable"),
    same("privileged", "no", facts.privileged ? "yes" : "no"),
    same("capabilities dropped", "ALL", list(facts.capDrop)),
    same("capabilities added", "none", list(facts.capAdd)),
    same("no new privileges", "yes", noNewPrivileges ? "yes" : "no"),
    same("unconfined profiles", "none", list(unconfined)),
    same("devices", "none", list(facts.devices)),
    same("host name spaces", "none", list(foreignSpaces)),
    same("networks", list(demands.networks), list(facts.networks)),
    same("network shared with", demands.networkOf ?? "nobody", sharedWith(facts, owner)),
    same("name servers", list(demands.dns), list(facts.dns)),
    same("published ports", "none", list(facts.publishedPorts)),
    limit("process limit", facts.pidsLimit),
    limit("memory limit", facts.memoryBytes),
  ];
}

function same(demand: string, want: string, got: string): DemandResult {
  return { demand, want, got, met: want === got };
}

/** Engines know the owner by its ID. */
function sharedWith({ networkMode }: ContainerFacts, owner: ContainerFacts | undefined): string {
  const [, id] = /^container:(.+)$/.exec(networkMode) ?? [];
  if (id === undefined) return networkMode === "host" ? "the host" : "nobody";
  return id === owner?.id ? owner.name : id;
}

function limit(demand: string, value: number): DemandResult {
  return { demand, want: "set", got: value > 0 ? String(value) : "unlimited", met: value > 0 };
}

function list(values: readonly string[]): string {
  return values.length === 0 ? "none" : values.toSorted().join(", ");
}
