import { expect, test } from "vitest";
import type { ContainerFacts } from "../../../src/shared/engine/container-facts.ts";
import { compareWithDemands } from "../../../src/shared/engine/demands.ts";
import { SEALED_CONTAINER, SEALED_DEMANDS } from "./sealed-container.ts";

const unmet = (facts: ContainerFacts) =>
  compareWithDemands(facts, SEALED_DEMANDS)
    .filter(({ met }) => !met)
    .map(({ demand }) => demand);

test("compareWithDemands finds nothing unmet in a SEALED_CONTAINER container", () => {
  expect(unmet(SEALED_CONTAINER)).toEqual([]);
  expect(unmet({ ...SEALED_CONTAINER, securityOptions: ["no-new-privileges"] })).toEqual([]);
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
  expect(unmet({ ...SEALED_CONTAINER, ...change })).toEqual([demand]);
});
