/** up, status, down and remove on a real engine, with the real stack and the real Compose. */
import { mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { down } from "../../src/appliance/down.ts";
import { loadAppliance } from "../../src/appliance/load-appliance.ts";
import { openAppliance } from "../../src/appliance/open-appliance.ts";
import { remove } from "../../src/appliance/remove.ts";
import { currentRelease, releaseFolder } from "../../src/appliance/state.ts";
import { readStatus } from "../../src/appliance/status.ts";
import { SEALED_NETWORK } from "../../src/appliance/stack.ts";
import { up, type UpInput } from "../../src/appliance/up.ts";
import { digestOf } from "../../src/shared/digest.ts";
import { connectEngine, type Engine } from "../../src/shared/engine/engine.ts";
import { exec } from "../../src/shared/exec.ts";
import { silentReporter as reporter } from "../../src/shared/reporter.ts";
import { isHousekeeping } from "../../src/world/event.ts";
import { createWorld, type World } from "../../src/world/world.ts";
import { temporaryFolder } from "../builder/temporary.ts";
import { standInAppliance } from "./stand-in-appliance.ts";

const { signal } = new AbortController();

let world: World;
let engine: Engine;
let appliance: string;
let stateRoot: string;

beforeAll(async () => {
  world = await createWorld({ engine: true });
  engine = await connectEngine(world.engineAddress);
  appliance = await standInAppliance(["answers", "silent", "late", "dies"]);
});
afterAll(() => world.destroy());

beforeEach(async () => {
  stateRoot = join(await temporaryFolder(), "state");
  await load();
});
afterEach(() => remove({ stateRoot, auditLog: "remove", signal }, engine));

async function load() {
  return await loadAppliance(
    { appliance: await openAppliance(appliance), stateRoot },
    { engine, reporter, signal },
  );
}

const PLAIN = { recipients: [], plain: true };
const CONTAINERS = ["cloister-gateway", "cloister-model", "cloister-witness"];
const MODEL = "cloister-model";

function inputOf(model: string | undefined, more: Partial<UpInput> = {}): UpInput {
  return { stateRoot, topology: "internal", model, audit: PLAIN, clients: [], timeoutMs: 60_000, ...more };
}

async function start(model = "answers", more: Partial<UpInput> = {}) {
  return await up(inputOf(model, more), { engine, reporter, signal });
}

/** Asked of the engine by somebody else's client. */
async function docker(...args: readonly string[]): Promise<string> {
  const { stdout } = await exec("/usr/bin/docker", ["-H", engine.address, ...args]);
  return stdout.trim();
}

async function everythingOfOurs(): Promise<readonly string[]> {
  const containers = await docker("ps", "--all", "--format", "{{.Names}}");
  const networks = await docker("network", "ls", "--filter", "type=custom", "--format", "{{.Name}}");
  const volumes = await docker("volume", "ls", "--quiet");
  return `${containers}\n${networks}\n${volumes}`
    .split("\n")
    .filter((name) => name !== "")
    .sort();
}

async function inRelease(path: string): Promise<string> {
  return join(releaseFolder(stateRoot, (await currentRelease(stateRoot)).id), path);
}

async function editStack(from: string, to: string, file = "services.yaml"): Promise<void> {
  const path = await inRelease(`compose/${file}`);
  const text = await readFile(path, "utf8");
  expect(text).toContain(from);
  await writeFile(path, text.replace(from, to));
}

async function askHealth(socketPath: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: "/health" }, (answer) => {
      answer.setEncoding("utf8").once("data", resolve);
    });
    asked.once("error", reject).end();
  });
}

describe("up", () => {
  test("starts the model sealed, answers on its socket, and is the same when asked again", async () => {
    const running = await start();
    expect(running.model).toEqual({ alias: "answers", sha256: digestOf("answers\n") });
    expect(await askHealth(running.socket)).toBe('{"status":"ok"}');
    const inspected = JSON.parse(await docker("inspect", MODEL))[0];
    expect(inspected.HostConfig).toMatchObject({
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges:true"],
      Privileged: false,
      PidsLimit: 256,
      Dns: ["127.0.0.1"],
      PortBindings: {},
    });
    expect(inspected.Config.User).toBe("10001:10001");
    expect(Object.keys(inspected.NetworkSettings.Networks)).toEqual(["none"]);
    expect(await docker("network", "inspect", "--format", "{{.Internal}}", SEALED_NETWORK)).toBe("true");
    const run = await stat(join(stateRoot, "run/model"));
    expect([run.uid, run.gid, run.mode & 0o777]).toEqual([10_001, 10_001, 0o750]);
    await start();
    expect(JSON.parse(await docker("inspect", MODEL))[0].Id).toBe(inspected.Id);
    expect(await everythingOfOurs()).toEqual([...CONTAINERS, SEALED_NETWORK].sort());
  });

  test("asks which where there are several models, and knows only those that it carries", async () => {
    await expect(up(inputOf(undefined), { engine, reporter, signal })).rejects.toMatchObject({
      code: "MODEL_UNKNOWN",
      exitCode: 5,
    });
    await expect(start("another")).rejects.toMatchObject({ code: "MODEL_UNKNOWN" });
  });

  test("refuses a damaged model, and starts it when the appliance was loaded again", async () => {
    const model = await inRelease(`models/${digestOf("answers\n").slice(7)}.gguf`);
    await writeFile(model, "answerz\n");
    await expect(start()).rejects.toMatchObject({ code: "MODEL_DIFFERS", class: "integrity", exitCode: 3 });
    expect(await everythingOfOurs()).toEqual([]);
    await load();
    await start();
  });

  test("refuses a changed appliance.json", async () => {
    await writeFile(await inRelease("appliance.json"), "{}\n");
    await expect(start()).rejects.toMatchObject({ code: "RELEASE_DAMAGED", exitCode: 3 });
  });

  test("refuses an image of the right name that is another one", async () => {
    const [reference = ""] = await engine.imagesNamed("localhost/cloister/");
    const other = join(await temporaryFolder(), "other.tar");
    await exec("tar", ["-cf", other, "-C", "/bin", "busybox"]);
    await docker("import", other, reference);
    await expect(start()).rejects.toMatchObject({ code: "IDENTITY_DIFFERS", exitCode: 7 });
    expect(await everythingOfOurs()).toEqual([]);
  });

  test("takes down a model that never answers", async () => {
    await expect(start("silent", { timeoutMs: 3_000 })).rejects.toMatchObject({
      code: "NOT_HEALTHY",
      exitCode: 6,
    });
    expect(await everythingOfOurs()).toEqual([]);
  });

  test("waits as long as it was told to, also where the health check has given up", async () => {
    await editStack("retries: 5", "retries: 1");
    await editStack("start_period: 600s", "start_period: 1ms");
    await start("late");
  });

  test("takes down a model that ends, without waiting, and says what it said last", async () => {
    const failure = start("dies", { timeoutMs: 3_000_000 });
    await expect(failure).rejects.toMatchObject({ code: "NOT_HEALTHY", exitCode: 6 });
    await expect(failure).rejects.toThrow("exit code 3");
    await expect(failure).rejects.toThrow("this model is said to die");
    expect(await everythingOfOurs()).toEqual([]);
  });

  test.each([
    ["capabilities dropped", "cap_drop: [ALL]", "cap_drop: [NET_RAW]"],
    ["capabilities added", "cap_drop: [ALL]", "cap_drop: [ALL]\n    cap_add: [NET_RAW]"],
    ["user", 'user: "10001:10001"', 'user: "10001:0"'],
    ["root file system", "read_only: true\n    cap", "read_only: false\n    cap"],
    ["name servers", 'dns: ["127.0.0.1"]', 'dns: ["192.0.2.53"]'],
    ["process limit", "pids_limit: 256", "pids_limit: -1"],
    ['network "cloister-sealed" is not internal', "internal: true", "internal: false", "cloister.yaml"],
    ["networks", "network_mode: none", "network_mode: bridge"],
  ])(
    "takes down a stack in which %s is not what is demanded",
    async (...[demand, from, to, file]: [string, string, string, string?]) => {
      await editStack(from, to, file);
      const failure = start();
      await expect(failure).rejects.toMatchObject({ code: "DEMANDS_UNMET", exitCode: 8 });
      await expect(failure).rejects.toThrow(demand);
      expect(await everythingOfOurs()).toEqual([]);
    },
  );

  test("never asks a registry for an image that is not there", async () => {
    await editStack("${CLOISTER_IMAGE_LLAMA_CPP:?}", "localhost/cloister/llama-cpp:another");
    const before = (await world.events()).length;
    await expect(start()).rejects.toMatchObject({ code: "EXEC_FAILED", exitCode: 6 });
    const after = (await world.events()).slice(before);
    expect(after.filter((one) => !isHousekeeping(one))).toEqual([]);
    expect(await everythingOfOurs()).toEqual([]);
  });

  test("says what is wrong, and not that something still runs, where there is no Compose", async () => {
    await exec("rm", [await inRelease("bin/docker-compose")]);
    await expect(start()).rejects.toMatchObject({ code: "EXEC_MISSING", exitCode: 5 });
  });

  test("takes down what it has started when it is interrupted", async () => {
    const interrupt = new AbortController();
    const stepped = { ...reporter, step: (text: string) => text.startsWith("Wait") && interrupt.abort() };
    const starting = up(inputOf("silent"), { engine, reporter: stepped, signal: interrupt.signal });
    await expect(starting).rejects.toThrow();
    expect(await everythingOfOurs()).toEqual([]);
  });

  test("starts from a folder whose name has blanks, quotes, backslashes and dollars", async () => {
    await remove({ stateRoot, auditLog: "remove", signal }, engine);
    stateRoot = join(await temporaryFolder(), 'it\'s a \\ $HOME, ${HOME}, "yes" #1');
    await load();
    expect(await askHealth((await start()).socket)).toBe('{"status":"ok"}');
  });
});

describe("up in topology none", () => {
  test("gives no container a network, and puts the gateway into the loopback of one that does nothing", async () => {
    const running = await start("answers", { topology: "none" });
    expect(running.containers).toEqual([
      "cloister-model",
      "cloister-gateway",
      "cloister-witness",
      "cloister-pause",
    ]);
    expect(await everythingOfOurs()).toEqual([...CONTAINERS, "cloister-pause"].sort());
    const mode = async (name: string) =>
      await docker("inspect", "--format", "{{.HostConfig.NetworkMode}}", name);
    const pause = await docker("inspect", "--format", "{{.Id}}", "cloister-pause");
    expect(await mode("cloister-gateway")).toBe(`container:${pause}`);
    for (const name of ["cloister-model", "cloister-witness", "cloister-pause"])
      expect(await mode(name)).toBe("none");
    await expect(docker("network", "connect", "bridge", "cloister-pause")).rejects.toThrow();
    await start("answers");
    expect(await everythingOfOurs()).toEqual([...CONTAINERS, SEALED_NETWORK].sort());
  });

  test("is taken down where the gateway has a namespace of its own", async () => {
    await editStack('network_mode: "service:pause"', "network_mode: none", "cloister-none.yaml");
    const failure = start("answers", { topology: "none" });
    await expect(failure).rejects.toMatchObject({ code: "DEMANDS_UNMET", exitCode: 8 });
    await expect(failure).rejects.toThrow("network shared with");
  });
});

describe("the audit log's settings", () => {
  const audit = { recipients: [], plain: false };

  test("are asked for the first time, and remembered", async () => {
    await expect(start("answers", { audit })).rejects.toMatchObject({
      code: "AUDIT_RECIPIENT_MISSING",
      exitCode: 5,
    });
    const newKeyFile = join(await temporaryFolder(), "identity.txt");
    const { log } = await start("answers", { audit: { ...audit, newKeyFile } });
    expect(log).toMatchObject({ content: "sealed", retention: { content: 183, ledger: 366 } });
    const identity = await readFile(newKeyFile, "utf8");
    expect(identity).toContain(`# public key: ${log.recipients[0]}`);
    expect((await stat(newKeyFile)).mode & 0o777).toBe(0o600);
    await down({ stateRoot, signal }, engine);
    expect((await start("answers", { audit })).log.recipients).toEqual(log.recipients);
    await expect(start("answers", { audit: { ...audit, newKeyFile } })).rejects.toMatchObject({
      code: "IDENTITY_EXISTS",
    });
    expect(await readFile(newKeyFile, "utf8")).toBe(identity);
  });

  test("reach the gateway with its keys and clients, and another configuration makes another container", async () => {
    await start();
    const config = async () => JSON.parse(await readFile(join(stateRoot, "run/gateway.json"), "utf8"));
    expect(await config()).toMatchObject({
      log: { content: "plain", mode: "request" },
      model: { alias: "answers" },
    });
    const first = await docker("inspect", "--format", "{{.Id}}", "cloister-gateway");
    await start("answers", {
      audit: { ...PLAIN, mode: "strict", zone: "Europe/Berlin", content: 30 },
      clients: ["aider"],
    });
    expect(await config()).toMatchObject({
      log: { mode: "strict", zone: "Europe/Berlin", retention: { content: 30 } },
      keys: { clients: "/var/lib/cloister/keys/clients.json" },
    });
    expect(await docker("inspect", "--format", "{{.Id}}", "cloister-gateway")).not.toBe(first);
    const key = (await readFile(join(stateRoot, "clients/aider.key"), "utf8")).trim();
    const [client] = JSON.parse(await readFile(join(stateRoot, "audit/keys/clients.json"), "utf8"));
    expect(client).toEqual({ id: "aider", sha256: digestOf(key).slice(7) });
    for (const [path, uid, gid, mode] of [
      ["audit/log", 10_002, 10_001, 0o700],
      ["audit/keys", 10_002, 10_001, 0o700],
      ["audit/witness", 10_003, 10_001, 0o700],
      ["run/gateway", 10_002, 10_001, 0o750],
    ] as const) {
      const found = await stat(join(stateRoot, path));
      expect([found.uid, found.gid, found.mode & 0o777], path).toEqual([uid, gid, mode]);
    }
  });

  test("refuse a ledger that is kept for less time than its text", async () => {
    const short = { ...PLAIN, content: 90, ledger: 30 };
    await expect(start("answers", { audit: short })).rejects.toMatchObject({
      code: "RETENTION_INVALID",
      exitCode: 2,
    });
  });
});

describe("status", () => {
  test("shows releases and containers as they are, and changes nothing", async () => {
    const { id } = await currentRelease(stateRoot);
    const socket = join(stateRoot, "run/gateway/gateway.sock");
    expect(await readStatus(stateRoot, engine)).toEqual({
      releases: [id],
      current: id,
      containers: [],
      socket,
      gateway: undefined,
      log: undefined,
    });
    await start();
    const running = await readStatus(stateRoot, engine);
    expect(running.containers.map(({ name, state }) => [name, state])).toEqual(
      CONTAINERS.map((name) => [name, "running"]),
    );
    expect(running).toMatchObject({ gateway: '{"status":"ok"}', log: { content: "plain", mode: "request" } });
    await docker("kill", MODEL);
    const killed = (await readStatus(stateRoot, engine)).containers.find(({ name }) => name === MODEL);
    expect(killed).toMatchObject({ state: "exited" });
    const nowhere = join(stateRoot, "nowhere");
    expect(await readStatus(nowhere, engine)).toMatchObject({ releases: [], current: undefined });
    expect(await readdir(stateRoot)).not.toContain("nowhere");
  });
});

describe("down", () => {
  test("takes down what runs, leaves what is loaded, and says so when nothing runs", async () => {
    await start();
    expect(await down({ stateRoot, signal }, engine)).toEqual({
      containers: CONTAINERS,
      networks: [SEALED_NETWORK],
      volumes: [],
    });
    expect(await everythingOfOurs()).toEqual([]);
    expect(await down({ stateRoot, signal }, engine)).toEqual({ containers: [], networks: [], volumes: [] });
    expect(await askHealth((await start()).socket)).toBe('{"status":"ok"}');
  });

  test("leaves containers, networks and volumes of others alone", async () => {
    const [reference = ""] = await engine.imagesNamed("localhost/cloister/");
    await docker("network", "create", "others");
    await docker("volume", "create", "others");
    await docker("create", "--name", "others", "--network", "others", reference);
    await start();
    await down({ stateRoot, signal }, engine);
    expect(await everythingOfOurs()).toEqual(["others", "others", "others"]);
    await docker("rm", "others");
    await docker("network", "rm", "others");
    await docker("volume", "rm", "others");
  });
});

describe("remove", () => {
  test("takes everything away while it runs, and names it", async () => {
    await start();
    const images = await engine.imagesNamed("localhost/cloister/");
    const { id } = await currentRelease(stateRoot);
    expect(await remove({ stateRoot, auditLog: "remove", signal }, engine)).toEqual({
      containers: CONTAINERS,
      networks: [SEALED_NETWORK],
      volumes: [],
      images,
      releases: [id],
      stateRoot,
      kept: [],
    });
    expect(await everythingOfOurs()).toEqual([]);
    expect(await docker("images", "--all", "--quiet")).toBe("");
    await expect(stat(stateRoot)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("keeps the audit log and the keys of clients, unless it is told otherwise", async () => {
    await start("answers", { clients: ["aider"] });
    const kept = [join(stateRoot, "audit"), join(stateRoot, "clients")];
    expect(await remove({ stateRoot, auditLog: "keep", signal }, engine)).toMatchObject({ kept });
    expect(await readdir(stateRoot)).toEqual(["audit", "clients"]);
    await remove({ stateRoot, auditLog: "remove", signal }, engine);
    await expect(stat(stateRoot)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("does not touch files that are not cloister's, and says that they are still there", async () => {
    await mkdir(join(stateRoot, "photos"));
    await writeFile(join(stateRoot, "photos/one"), "mine");
    const failure = remove({ stateRoot, auditLog: "remove", signal }, engine);
    await expect(failure).rejects.toMatchObject({ code: "NOT_GONE", exitCode: 10 });
    expect(await readFile(join(stateRoot, "photos/one"), "utf8")).toBe("mine");
    expect(await readdir(stateRoot)).toEqual(["photos"]);
    await exec("rm", ["-r", join(stateRoot, "photos")]);
  });

  test("leaves the images of others", async () => {
    const other = join(await temporaryFolder(), "other.tar");
    await exec("tar", ["-cf", other, "-C", "/bin", "busybox"]);
    await docker("import", other, "localhost/others:1");
    await remove({ stateRoot, auditLog: "remove", signal }, engine);
    expect(await docker("images", "--format", "{{.Repository}}")).toBe("localhost/others");
    await docker("rmi", "localhost/others:1");
  });

  test("takes the container of a moment that somebody did not live to remove", async () => {
    const [reference = ""] = await engine.imagesNamed("localhost/cloister/");
    const model = await inRelease(`models/${digestOf("silent\n").slice(7)}.gguf`);
    const moment = engine.runOnce({
      name: "cloister-load-llama-cpp",
      reference,
      command: ["serve", "--socket", "/none"],
      network: "none",
      mounts: [{ source: model, target: "/models/model.gguf" }],
      timeoutMs: 60_000,
    });
    const settled = Promise.allSettled([moment]);
    while ((await engine.container("cloister-load-llama-cpp"))?.state !== "running") await sleep(50);
    await remove({ stateRoot, auditLog: "remove", signal }, engine);
    await settled;
    expect(await everythingOfOurs()).toEqual([]);
  });
});
