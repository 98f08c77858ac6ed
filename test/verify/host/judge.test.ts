/** The host's judgements, green beside red, and with their subject missing. */
import { describe, expect, test } from "vitest";
import type { ApplianceImage, ApplianceModel } from "../../../src/shared/appliance/manifest.ts";
import { digestOf } from "../../../src/shared/digest.ts";
import type { ContainerFacts } from "../../../src/shared/engine/container-facts.ts";
import type { EngineImage, EngineNetwork } from "../../../src/shared/engine/engine.ts";
import { parseRelativePath } from "../../../src/shared/relative-path.ts";
import { judgeClosedFiles } from "../../../src/verify/host/closed-files.ts";
import { judgeCompose } from "../../../src/verify/host/compose.ts";
import { judgeGateway } from "../../../src/verify/host/gateway.ts";
import { judgeIdentity } from "../../../src/verify/host/identity.ts";
import { judgeModelFile } from "../../../src/verify/host/model-file.ts";
import { judgeNetwork } from "../../../src/verify/host/network.ts";
import { judgeSettings } from "../../../src/verify/host/settings.ts";
import { judgeSocket } from "../../../src/verify/host/socket.ts";
import { SEALED_CONTAINER, SEALED_DEMANDS } from "../../shared/engine/sealed-container.ts";

const [config, manifest, layer] = [digestOf("config"), digestOf("manifest"), digestOf("layer")];
const CONTAINER: ContainerFacts = {
  ...SEALED_CONTAINER,
  name: "model",
  imageId: config,
  reference: "localhost/cloister/llama-cpp:x",
  mounts: [{ source: "/s/models/m.gguf", target: "/models/model.gguf", readOnly: true }],
};

describe("judgeIdentity", () => {
  const listed: ApplianceImage = {
    name: "llama-cpp",
    reference: "localhost/cloister/llama-cpp:x",
    manifestDigest: manifest,
    configDigest: config,
    diffIds: [layer],
    sizeBytes: 1,
    files: parseRelativePath("provenance/llama-cpp.files.json"),
  };
  const image: EngineImage = { id: config, references: [], diffIds: [layer], architecture: "amd64" };

  test("passes on the config digest and on the manifest digest as ID", () => {
    expect(judgeIdentity(listed, CONTAINER, image).verdict).toBe("pass");
    const containerd = judgeIdentity(listed, { ...CONTAINER, imageId: manifest }, { ...image, id: manifest });
    expect(containerd.verdict).toBe("pass");
  });

  test("fails on another ID, on other layers and on a container that does not run", () => {
    expect(judgeIdentity(listed, { ...CONTAINER, imageId: layer }, { ...image, id: layer }).verdict).toBe(
      "fail",
    );
    expect(judgeIdentity(listed, CONTAINER, { ...image, diffIds: [config] }).verdict).toBe("fail");
    expect(judgeIdentity(listed, CONTAINER, { ...image, diffIds: [] }).verdict).toBe("fail");
    expect(judgeIdentity(listed, { ...CONTAINER, state: "exited" }, image).verdict).toBe("fail");
  });

  test("is inconclusive without container or image", () => {
    expect(judgeIdentity(listed, undefined, image).verdict).toBe("inconclusive");
    expect(judgeIdentity(listed, CONTAINER, undefined).verdict).toBe("inconclusive");
  });
});

describe("judgeSettings", () => {
  test("passes on what the stack makes and is inconclusive without a container", () => {
    expect(judgeSettings(SEALED_DEMANDS, CONTAINER).verdict).toBe("pass");
    expect(judgeSettings(SEALED_DEMANDS, undefined).verdict).toBe("inconclusive");
  });

  test.each<Partial<ContainerFacts>>([
    { user: "0:0" },
    { readOnlyRoot: false },
    { privileged: true },
    { capAdd: ["NET_RAW"] },
    { capDrop: [] },
    { securityOptions: [] },
    { securityOptions: ["no-new-privileges:true", "seccomp=unconfined"] },
    { devices: ["/dev/kvm"] },
    { pidsLimit: 0 },
    { memoryBytes: 0 },
    { dns: [] },
    { dns: ["192.0.2.53"] },
    { extraHosts: ["a:192.0.2.1"] },
    { logDriver: "syslog" },
    { logDriver: "" },
    { networks: ["sealed", "bridge"] },
    { publishedPorts: ["8080/tcp"] },
    { pidMode: "host" },
    { ipcMode: "host" },
    { mounts: [{ source: "/var/run/docker.sock", target: "/x", readOnly: true }] },
    { mounts: [{ source: "/run/containerd/containerd.sock", target: "/x", readOnly: true }] },
  ])("fails on %j", (change) => {
    expect(judgeSettings(SEALED_DEMANDS, { ...CONTAINER, ...change }).verdict).toBe("fail");
  });
});

describe("judgeNetwork", () => {
  const stack = { container: "model", neighbours: ["gateway"] };
  const network: EngineNetwork = {
    id: "n1",
    name: "sealed",
    internal: true,
    driver: "bridge",
    ipv6: false,
    containers: ["model"],
    gateways: ["198.18.0.1"],
    labels: {},
  };

  test("passes on an internal bridge with the stack alone on it", () => {
    expect(judgeNetwork(stack, CONTAINER, network).verdict).toBe("pass");
    expect(judgeNetwork(stack, CONTAINER, { ...network, containers: ["gateway", "model"] }).verdict).toBe(
      "pass",
    );
  });

  test.each<Partial<EngineNetwork>>([
    { internal: false },
    { driver: "macvlan" },
    { ipv6: true },
    { containers: ["model", "stranger"] },
    { name: "other" },
  ])("fails on %j", (change) => {
    expect(judgeNetwork(stack, CONTAINER, { ...network, ...change }).verdict).toBe("fail");
  });

  test("fails on a second network and is inconclusive where subject or membership was not seen", () => {
    expect(judgeNetwork(stack, { ...CONTAINER, networks: ["sealed", "open"] }, network).verdict).toBe("fail");
    expect(judgeNetwork(stack, CONTAINER, undefined).verdict).toBe("inconclusive");
    expect(judgeNetwork(stack, undefined, network).verdict).toBe("inconclusive");
    expect(judgeNetwork(stack, CONTAINER, { ...network, containers: [] }).verdict).toBe("inconclusive");
  });
});

describe("judgeCompose", () => {
  test("passes where every service never pulls", () => {
    expect(judgeCompose(["services: {a: {pull_policy: never}, b: {pull_policy: never}}"]).verdict).toBe(
      "pass",
    );
  });

  test.each([
    "services: {a: {pull_policy: missing}}",
    "services: {a: {image: x}}",
    "services: {a: {pull_policy: never, build: .}}",
    "services: {a: {pull_policy: never}, b: {extends: {service: a}, pull_policy: always}}",
    "services: {a: {pull_policy: never}, b: {extends: {service: a}, build: .}}",
  ])("fails on %s", (text) => expect(judgeCompose([text]).verdict).toBe("fail"));

  test.each(["", "services: {}", "[]", "a: b", "services: {b: {extends: {service: a}}}"])(
    "is inconclusive on %j",
    (text) => {
      expect(judgeCompose([text]).verdict).toBe("inconclusive");
    },
  );
});

describe("judgeModelFile", () => {
  const model: ApplianceModel = {
    path: parseRelativePath("models/m.gguf"),
    sha256: digestOf("model"),
    sizeBytes: 5,
    name: "m",
    architecture: "llama",
  };
  const file = { model, path: "/s/models/m.gguf", sha256: model.sha256 };
  const withMounts = (mounts: ContainerFacts["mounts"]) => ({ ...CONTAINER, mounts });
  const [mount] = CONTAINER.mounts;
  if (mount === undefined) throw new Error("no mount");

  test("passes on the pinned bytes, mounted read-only from the release", () => {
    expect(judgeModelFile(file, CONTAINER).verdict).toBe("pass");
  });

  test("fails on other bytes, another source, a writable mount, no mount and two", () => {
    expect(judgeModelFile({ ...file, sha256: digestOf("other") }, CONTAINER).verdict).toBe("fail");
    expect(judgeModelFile(file, withMounts([{ ...mount, source: "/elsewhere" }])).verdict).toBe("fail");
    expect(judgeModelFile(file, withMounts([{ ...mount, readOnly: false }])).verdict).toBe("fail");
    expect(judgeModelFile(file, withMounts([])).verdict).toBe("fail");
    expect(
      judgeModelFile(file, withMounts([mount, { ...mount, target: "/models/second.gguf" }])).verdict,
    ).toBe("fail");
  });

  test("is inconclusive where file or container is missing", () => {
    expect(judgeModelFile({ ...file, sha256: undefined }, CONTAINER).verdict).toBe("inconclusive");
    expect(judgeModelFile(file, undefined).verdict).toBe("inconclusive");
  });
});

describe("judgeSocket", () => {
  const user = { uid: 10_001, gid: 10_001 };
  const socket = { kind: "socket", mode: 0o770, ...user } as const;
  const folder = { kind: "directory", mode: 0o750, ...user } as const;

  test("passes on a socket that others cannot open, fails on any other", () => {
    expect(judgeSocket(user, { socket, folder }).verdict).toBe("pass");
    expect(judgeSocket(user, { socket: { ...socket, mode: 0o777 }, folder }).verdict).toBe("fail");
    expect(judgeSocket(user, { socket: { ...socket, mode: 0o771 }, folder }).verdict).toBe("fail");
    expect(judgeSocket(user, { socket: { ...socket, uid: 0 }, folder }).verdict).toBe("fail");
    expect(judgeSocket(user, { socket: { ...socket, kind: "other" }, folder }).verdict).toBe("fail");
    expect(judgeSocket(user, { socket, folder: { ...folder, mode: 0o755 } }).verdict).toBe("fail");
  });

  test("is inconclusive where nothing is at its path", () => {
    expect(judgeSocket(user, { socket: undefined, folder }).verdict).toBe("inconclusive");
  });
});

describe("judgeGateway", () => {
  const address = "198.18.0.1";

  test.each([
    ["through", "open"],
    ["refused", "open"],
    ["timeout", "closed"],
    ["EHOSTUNREACH", "closed"],
  ])("an attempt that ended with %s leaves the gap %s", (fromInside, state) => {
    expect(judgeGateway({ address, fromHost: "through", fromInside }).state).toBe(state);
  });

  test("is unknown, not closed, where the control failed or nobody tried", () => {
    expect(judgeGateway({ address, fromHost: "timeout", fromInside: "timeout" }).state).toBe("unknown");
    expect(judgeGateway({ address, fromHost: undefined, fromInside: "timeout" }).state).toBe("unknown");
    expect(judgeGateway({ address, fromHost: "through", fromInside: undefined }).state).toBe("unknown");
    expect(judgeGateway({ address: undefined, fromHost: undefined, fromInside: undefined }).state).toBe(
      "unknown",
    );
  });
});

describe("judgeClosedFiles", () => {
  const file = { path: "root/a", kind: "file", mode: 0o600, uid: 0, gid: 0, sha256: digestOf("a") } as const;

  test("passes on equal files and where nothing is closed, fails on changed, missing and added ones", () => {
    expect(judgeClosedFiles([file], ["root"], [file]).verdict).toBe("pass");
    expect(judgeClosedFiles([file], [], []).verdict).toBe("pass");
    expect(judgeClosedFiles([file], ["root"], []).observed).toBe("root/a is missing");
    expect(judgeClosedFiles([file], ["root"], [{ ...file, sha256: digestOf("b") }]).verdict).toBe("fail");
    expect(judgeClosedFiles([file], ["root"], [file, { ...file, path: "root/b" }]).observed).toBe(
      "root/b is not listed",
    );
  });
});
