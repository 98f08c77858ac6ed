import { expect, test } from "vitest";
import type { ContainerFacts } from "../../../src/shared/engine/container-facts.ts";
import { compareWithDemands } from "../../../src/shared/engine/demands.ts";

const demands = { user: "10001:10001", networks: ["sealed"], dns: ["127.0.0.1"] };
const sealed: ContainerFacts = {
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

const unmet = (facts: ContainerFacts) =>
  compareWithDemands(facts, demands)
    .filter(({ met }) => !met)
    .map(({ demand }) => demand);

test("compareWithDemands finds nothing unmet in a sealed container", () => {
  expect(unmet(sealed)).toEqual([]);
  expect(unmet({ ...sealed, securityOptions: ["no-new-privileges"] })).toEqual([]);
});

test.each<[string, Partial<ContainerFacts>]>([
  ["user", { user: "0:0" }],
  ["root file system", { readOnlyRoot: false }],
  ["privileged", { privileged: true }],
  ["capabilities dropped", { capDrop: [] }],
  ["capabilities added", { capAdd: ["NET_RAW"] }],
  ["no new privileges", { securityOptions: [] }],
  ["no new privileges", { securityOptions: ["no-new-privileges:false"] }],
  ["unconfined profiles", { securityOptions: ["no-new-privileges:true", "seccomp=unconfined"] }],
  ["devices", { devices: ["/dev/kvm"] }],
  ["host name spaces", { pidMode: "host" }],
  ["networks", { networks: ["sealed", "bridge"] }],
  ["networks", { networks: [] }],
  ["name servers", { dns: [] }],
  ["published ports", { publishedPorts: ["8080/tcp"] }],
  ["process limit", { pidsLimit: 0 }],
  ["memory limit", { memoryBytes: 0 }],
])("compareWithDemands names %s where it is %j", (demand, change) => {
  expect(unmet({ ...sealed, ...change })).toEqual([demand]);
});
