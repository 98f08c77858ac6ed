import type { ContainerFacts } from "../../../src/shared/engine/container-facts.ts";

/** What the engine says of a container that meets every demand. */
export const SEALED_CONTAINER: ContainerFacts = {
  id: "1",
  name: "one",
  imageId: "sha256:1",
  reference: "localhost/cloister/one:1",
  state: "running",
  exitCode: 0,
  health: "healthy",
  labels: {},
  user: "10001:10001",
  readOnlyRoot: true,
  privileged: false,
  capAdd: [],
  capDrop: ["ALL"],
  securityOptions: ["no-new-privileges:true"],
  devices: [],
  pidsLimit: 256,
  memoryBytes: 1 << 30,
  dns: ["127.0.0.1"],
  extraHosts: [],
  logDriver: "json-file",
  networkMode: "sealed",
  networks: ["sealed"],
  ipAddresses: ["198.18.0.2"],
  publishedPorts: [],
  pidMode: "",
  ipcMode: "private",
  mounts: [],
};

export const SEALED_DEMANDS = { user: "10001:10001", networks: ["sealed"], dns: ["127.0.0.1"] };
