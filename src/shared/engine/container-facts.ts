import type { ContainerInspectInfo } from "dockerode";

/** What an engine says of one container, as far as sealing it is concerned. Lists are as the engine has them. */
export type ContainerFacts = {
  readonly id: string;
  readonly name: string;
  /** Whichever of an image's numbers this engine shows as its ID. */
  readonly imageId: string;
  readonly reference: string;
  readonly state: string;
  readonly exitCode: number;
  /** `healthy`, `unhealthy`, `starting`, or undefined where there is no health check. */
  readonly health: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly user: string;
  readonly readOnlyRoot: boolean;
  readonly privileged: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly securityOptions: readonly string[];
  readonly devices: readonly string[];
  readonly pidsLimit: number;
  readonly memoryBytes: number;
  readonly dns: readonly string[];
  /** "name:address", put into /etc/hosts. */
  readonly extraHosts: readonly string[];
  /** What the engine does with the output: json-file, local, journald and none keep it on this host. */
  readonly logDriver: string;
  /** Network mode for host, none and container:…; the names of its networks otherwise. */
  readonly networkMode: string;
  readonly networks: readonly string[];
  readonly ipAddresses: readonly string[];
  /** Ports that the host publishes. */
  readonly publishedPorts: readonly string[];
  readonly pidMode: string;
  readonly ipcMode: string;
  readonly mounts: readonly {
    readonly source: string;
    readonly target: string;
    readonly readOnly: boolean;
  }[];
};

export function toFacts(info: ContainerInspectInfo): ContainerFacts {
  const { HostConfig: host, Config: config, State: state } = info;
  const networks = Object.entries(info.NetworkSettings.Networks ?? {});
  return {
    id: info.Id,
    name: info.Name.replace(/^\//, ""),
    imageId: info.Image,
    reference: config.Image,
    state: state.Status,
    exitCode: state.ExitCode,
    health: state.Health?.Status,
    labels: config.Labels ?? {},
    user: config.User ?? "",
    readOnlyRoot: host.ReadonlyRootfs === true,
    privileged: host.Privileged === true,
    capAdd: host.CapAdd ?? [],
    capDrop: host.CapDrop ?? [],
    securityOptions: host.SecurityOpt ?? [],
    devices: (host.Devices ?? []).map((device: { PathOnHost?: string }) => device.PathOnHost ?? ""),
    pidsLimit: host.PidsLimit ?? 0,
    memoryBytes: host.Memory ?? 0,
    dns: host.Dns ?? [],
    extraHosts: host.ExtraHosts ?? [],
    logDriver: host.LogConfig?.Type ?? "",
    networkMode: host.NetworkMode ?? "",
    networks: networks.map(([name]) => name),
    ipAddresses: networks.map(([, network]) => network.IPAddress).filter((address) => address !== ""),
    publishedPorts: Object.keys(host.PortBindings ?? {}),
    pidMode: host.PidMode ?? "",
    ipcMode: host.IpcMode ?? "",
    mounts: info.Mounts.map(({ Source, Destination, RW }) => ({
      source: Source,
      target: Destination,
      readOnly: !RW,
    })),
  };
}
