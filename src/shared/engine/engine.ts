/** The one place that knows dockerode and what engines do unlike their documentation. */
import type Docker from "dockerode";
import { compareCodeUnits } from "../order.ts";
import { socketPathOf } from "./address.ts";
import { toFacts, type ContainerFacts } from "./container-facts.ts";
import { engineFailure, engineRefused, statusOf } from "./failure.ts";
import { loadImages, type LoadOptions } from "./load-images.ts";
import { removeContainer } from "./remove-container.ts";
import { runOnce, type RunResult, type RunSpec } from "./run-once.ts";

export type EngineInfo = {
  readonly version: string;
  readonly apiVersion: string;
  /** Go's name for it: amd64. */
  readonly architecture: string;
  /** Decides which of an image's numbers is its ID: a graph driver shows the config's digest, containerd the manifest's. */
  readonly store: "graph driver" | "containerd";
  readonly dataRoot: string;
};

export type EngineImage = {
  readonly id: string;
  readonly references: readonly string[];
  readonly diffIds: readonly string[];
  readonly architecture: string;
};

export type EngineNetwork = {
  readonly id: string;
  readonly name: string;
  readonly internal: boolean;
  readonly driver: string;
  readonly ipv6: boolean;
  /** Names of the containers on it. */
  readonly containers: readonly string[];
  /** The bridge's own addresses, by which a container reaches the host. */
  readonly gateways: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
};

export type ContainerMounts = { readonly name: string; readonly sources: readonly string[] };

export type Engine = {
  readonly address: string;
  info(): Promise<EngineInfo>;
  loadImages(tar: AsyncIterable<Uint8Array>, options?: LoadOptions): Promise<readonly string[]>;
  /** undefined where the engine has no such image. */
  image(reference: string): Promise<EngineImage | undefined>;
  /** References that start with the prefix, sorted. */
  imagesNamed(prefix: string): Promise<readonly string[]>;
  removeImage(reference: string): Promise<void>;
  runOnce(spec: RunSpec): Promise<RunResult>;
  container(name: string): Promise<ContainerFacts | undefined>;
  /** A path of a container's root and all below it as a tar of at most `limitBytes`; undefined where there is no such path. */
  archive(name: string, path: string, limitBytes: number): Promise<Buffer | undefined>;
  /** Names of all containers, running or not, with this label ("key" or "key=value"), sorted. */
  containersLabelled(label: string): Promise<readonly string[]>;
  /** Every container, running or not, with the places on this host that it has. */
  containerMounts(): Promise<readonly ContainerMounts[]>;
  /** TERM, then KILL after ten seconds. */
  stopContainer(name: string): Promise<void>;
  removeContainer(name: string): Promise<void>;
  /** The last lines of what it wrote, for an error's sentence. */
  lastLog(name: string): Promise<string>;
  network(name: string): Promise<EngineNetwork | undefined>;
  networksLabelled(label: string): Promise<readonly string[]>;
  createNetwork(spec: {
    readonly name: string;
    readonly internal: boolean;
    readonly labels: Readonly<Record<string, string>>;
  }): Promise<void>;
  removeNetwork(name: string): Promise<void>;
  volumesLabelled(label: string): Promise<readonly string[]>;
  removeVolume(name: string): Promise<void>;
};

/** An engine that says nothing for so long is taken for lost. */
const TIMEOUT_MS = 60_000;
const STOP_GRACE_S = 10;

/** Connects when first asked. Every call throws ENGINE_ABSENT (preflight), ENGINE_LOST or ENGINE_REFUSED (engine). */
export async function connectEngine(address: string): Promise<Engine> {
  const { default: Dockerode } = await import("dockerode");
  const socketPath = socketPathOf(address);
  const docker = new Dockerode({ socketPath, timeout: TIMEOUT_MS });
  // Loading and waiting are silent for as long as they take, and bounded by their own signals.
  const handle = { docker: new Dockerode({ socketPath }), address };
  const ask = <T>(what: string, call: () => Promise<T>): Promise<T> => asked(call, what, address);
  const find = async <T>(what: string, call: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await call();
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw engineFailure(error, what, address);
    }
  };
  return {
    address,
    info: () => ask("ask the engine what it is", () => readInfo(docker)),
    loadImages: (tar, options) => loadImages(handle, tar, options),
    image: async (reference) => {
      const what = `look at image "${reference}"`;
      const found = await find(what, () => docker.getImage(reference).inspect());
      return found === undefined ? undefined : toImage(found);
    },
    imagesNamed: async (prefix) => {
      const all = await ask("list images", () => docker.listImages());
      const references = all.flatMap(({ RepoTags }) => RepoTags ?? []);
      return references.filter((reference) => reference.startsWith(prefix)).sort(compareCodeUnits);
    },
    removeImage: async (reference) => {
      const remove = () => docker.getImage(reference).remove();
      await find(`remove image "${reference}"`, remove);
    },
    runOnce: (spec) => runOnce(handle, spec),
    container: async (name) => {
      const what = `look at container "${name}"`;
      const found = await find(what, () => docker.getContainer(name).inspect());
      return found === undefined ? undefined : toFacts(found);
    },
    archive: async (name, path, limitBytes) => {
      const what = `read "${path}" of container "${name}"`;
      const found = await find(what, () => docker.getContainer(name).getArchive({ path }));
      return found === undefined ? undefined : collect(found, { limitBytes, what });
    },
    containersLabelled: async (label) => {
      const filters = { label: [label] };
      const list = () => docker.listContainers({ all: true, filters });
      const all = await ask("list containers", list);
      return all.flatMap(({ Names }) => Names[0]?.replace(/^\//, "") ?? []).sort(compareCodeUnits);
    },
    containerMounts: async () => {
      const all = await ask("list containers", () => docker.listContainers({ all: true }));
      return all.map(({ Names, Mounts }) => ({
        name: Names[0]?.replace(/^\//, "") ?? "",
        sources: Mounts.map(({ Source }) => Source ?? ""),
      }));
    },
    stopContainer: async (name) => {
      const what = `stop container "${name}"`;
      await find(what, () => docker.getContainer(name).stop({ t: STOP_GRACE_S }).catch(stoppedAlready));
    },
    lastLog: async (name) => {
      const options = { stdout: true, stderr: true, tail: 10, follow: false } as const;
      const log = await find(`read the log of "${name}"`, () => docker.getContainer(name).logs(options));
      return log === undefined ? "" : textOfLog(log);
    },
    removeContainer: async (name) => {
      await ask(`remove container "${name}"`, () => removeContainer(docker.getContainer(name)));
    },
    network: async (name) => {
      const what = `look at network "${name}"`;
      const found = await find(what, () => docker.getNetwork(name).inspect());
      return found === undefined ? undefined : toNetwork(found);
    },
    networksLabelled: async (label) => {
      const filters = { label: [label] };
      const all = await ask("list networks", () => docker.listNetworks({ filters }));
      return all.map(({ Name }) => Name).sort(compareCodeUnits);
    },
    createNetwork: async ({ name, internal, labels }) => {
      const spec = { Name: name, Internal: internal, Labels: { ...labels }, CheckDuplicate: true };
      await ask(`create network "${name}"`, () => docker.createNetwork(spec));
    },
    removeNetwork: async (name) => {
      const remove = () => docker.getNetwork(name).remove();
      await find(`remove network "${name}"`, remove);
    },
    volumesLabelled: async (label) => {
      const filters = { label: [label] };
      const all = await ask("list volumes", () => docker.listVolumes({ filters }));
      return (all.Volumes ?? []).map(({ Name }) => Name).sort(compareCodeUnits);
    },
    removeVolume: async (name) => {
      await find(`remove volume "${name}"`, () => docker.getVolume(name).remove());
    },
  };
}

function stoppedAlready(error: unknown): void {
  if (statusOf(error) !== 304) throw error;
}

/** Without a terminal every piece has a header of eight bytes, its length in the last four. */
function textOfLog(log: Buffer): string {
  const pieces: string[] = [];
  for (let offset = 0; offset + 8 <= log.length;) {
    const end = offset + 8 + log.readUInt32BE(offset + 4);
    pieces.push(log.subarray(offset + 8, end).toString("utf8"));
    offset = end;
  }
  return pieces.join("").trim();
}

async function asked<T>(call: () => Promise<T>, what: string, address: string): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw engineFailure(error, what, address);
  }
}

async function collect(
  stream: NodeJS.ReadableStream,
  { limitBytes, what }: { readonly limitBytes: number; readonly what: string },
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk);
    sizeBytes += bytes.length;
    if (sizeBytes > limitBytes) throw engineRefused(what, `more than ${limitBytes} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

async function readInfo(docker: Docker): Promise<EngineInfo> {
  const version = await docker.version();
  const info: { DriverStatus?: unknown; DockerRootDir?: unknown } = await docker.info();
  const dataRoot = info.DockerRootDir;
  const containerd = JSON.stringify(info.DriverStatus ?? []).includes("io.containerd.snapshotter");
  return {
    version: version.Version,
    apiVersion: version.ApiVersion,
    architecture: version.Arch,
    store: containerd ? "containerd" : "graph driver",
    dataRoot: typeof dataRoot === "string" ? dataRoot : "",
  };
}

function toImage(info: Docker.ImageInspectInfo): EngineImage {
  return {
    id: info.Id,
    references: info.RepoTags ?? [],
    diffIds: info.RootFS.Layers ?? [],
    architecture: info.Architecture,
  };
}

function toNetwork(info: Docker.NetworkInspectInfo): EngineNetwork {
  return {
    id: info.Id,
    name: info.Name,
    internal: info.Internal,
    driver: info.Driver,
    ipv6: info.EnableIPv6,
    containers: Object.values(info.Containers ?? {})
      .map(({ Name }) => Name)
      .sort(compareCodeUnits),
    gateways: (info.IPAM?.Config ?? []).flatMap(({ Gateway }) => Gateway ?? []),
    labels: info.Labels ?? {},
  };
}
