/** What an operator can do with the one file and without cloister: tar, sha256sum, skopeo, umoci, docker, Compose, ldconfig, dpkg-query. */
import { chmod, chown, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { chatOnce } from "../../src/commands/demo/chat.ts";
import { exec, PLAIN_ENVIRONMENT } from "../../src/shared/exec.ts";
import type { GatewayConfig } from "../../src/shared/gateway-config.ts";
import { askLocal } from "../../src/shared/local-http.ts";
import { isHousekeeping } from "../../src/world/event.ts";
import { createWorld, type World } from "../../src/world/world.ts";
import { openFolder } from "./checkout.ts";

type Listed = {
  readonly path: string;
  readonly kind: "file" | "directory" | "symlink";
  readonly mode: number;
  readonly target?: string;
  readonly sha256?: string;
};

let folder: string;
/** The tar, unpacked by tar. */
let carried: string;
type Image = {
  readonly name: string;
  readonly reference: string;
  readonly manifestDigest: string;
  readonly configDigest: string;
  readonly diffIds: readonly string[];
};
let images: readonly Image[];
let model: { readonly path: string; readonly name: string };

beforeAll(async () => {
  folder = await openFolder("cloister-hand-");
  carried = join(folder, "appliance");
  await mkdir(carried);
  await exec("tar", ["-xf", inject("appliance"), "-C", carried]);
  ({
    images,
    models: [model],
  } = await json("appliance.json"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function json(path: string) {
  return JSON.parse(await readFile(join(carried, path), "utf8"));
}

async function lines(file: string, ...args: readonly string[]): Promise<readonly string[]> {
  return (await exec(file, args)).stdout.split("\n").filter((line) => line !== "");
}

const isEntry = (line: string) => line.startsWith("\t");

function imageNamed(name: string): Image {
  const image = images.find((one) => one.name === name);
  if (image === undefined) throw new Error(`No image ${name}`);
  return image;
}

/** What `oci:` of skopeo and umoci call it. */
function layoutOf({ reference }: Image): string {
  return `${carried}/images:${reference.replace(/.*:/, "")}`;
}

describe("the carried file", () => {
  test("passes sha256sum -c, which looks at every file but SHA256SUMS", async () => {
    const sums = (await readFile(join(carried, "SHA256SUMS"), "utf8")).trim().split("\n");
    await exec("sha256sum", ["-c", "--strict", "--quiet", "SHA256SUMS"], { cwd: carried });
    const listed = sums.map((line) => line.slice(66));
    const there = await lines("find", carried, "-type", "f", "-printf", "%P\n");
    expect([...listed, "SHA256SUMS"].sort()).toEqual([...there].sort());
  });

  test("brings the Node.js of its lock, and a check that needs nothing from its environment", async () => {
    const tools = await json("provenance/images/tools/lock.json");
    const version = /@([\d.]+)$/.exec(tools.npm[0].purl)?.[1];
    expect((await exec(join(carried, "bin/node"), ["--version"], { env: {} })).stdout).toBe(`v${version}\n`);
    const program = join(carried, "bin/cloister");
    for (const path of [inject("appliance"), carried])
      expect((await exec(program, ["check", path, "--quiet"], { env: {}, cwd: "/" })).stdout).toMatch(
        /^intact: /,
      );
    await writeFile(join(carried, "docs/more.md"), "more\n");
    const padded = await exec(program, ["check", carried, "--quiet"], { env: {}, cwd: "/", accept: [3] });
    expect(padded.exitCode).toBe(3);
    await rm(join(carried, "docs/more.md"));
  });
});

describe.each([
  { name: "llama-cpp", recipes: ["base", "llama-cpp"] },
  { name: "gateway", recipes: ["base", "node", "gateway"] },
])("the image $name in it", ({ name, recipes }) => {
  let root: string;

  beforeAll(async () => {
    const bundle = join(folder, `bundle-${name}`);
    await exec("umoci", ["unpack", "--rootless", "--image", layoutOf(imageNamed(name)), bundle]);
    root = join(bundle, "rootfs");
  });

  test("has for skopeo the manifest digest and the layers of appliance.json", async () => {
    const { manifestDigest, diffIds } = imageNamed(name);
    const { stdout } = await exec("skopeo", ["inspect", `oci:${layoutOf(imageNamed(name))}`]);
    expect(JSON.parse(stdout)).toMatchObject({ Digest: manifestDigest, Layers: diffIds });
  });

  test("is unpacked by umoci to the paths, modes and bytes of its file list", async () => {
    const { files }: { files: readonly Listed[] } = await json(`provenance/${name}.files.json`);
    const kinds = { file: "f", directory: "d", symlink: "l" };
    const found = await lines("find", root, "-mindepth", "1", "-printf", "%y %m %P -> %l\n");
    const listed = files.map(
      ({ kind, mode, path, target }) => `${kinds[kind]} ${mode.toString(8)} ${path} -> ${target ?? ""}`,
    );
    expect([...found].sort()).toEqual([...listed].sort());
    const sums = files.flatMap(({ path, sha256 }) =>
      sha256 === undefined ? [] : `${sha256.slice(7)}  ${path}\n`,
    );
    expect(sums.length).toBeGreaterThan(300);
    await exec("sha256sum", ["-c", "--strict", "--quiet"], { cwd: root, input: sums.join("") });
  });

  test("has the loader cache that ldconfig makes of it, entry for entry in the same order", async () => {
    const ours = await lines("ldconfig", "-r", root, "-p");
    await exec("ldconfig", ["-r", root]);
    const theirs = await lines("ldconfig", "-r", root, "-p");
    expect(ours.filter(isEntry)).toEqual(theirs.filter(isEntry));
    expect(ours.filter(isEntry).length).toBeGreaterThan(15);
  });

  test("has for dpkg-query the packages of the locks, all installed, and no other", async () => {
    const status = join(root, "var/lib/dpkg/status.d");
    const names = (await readdir(status)).filter((name) => !name.endsWith(".md5sums"));
    const stanzas = await Promise.all(names.map((name) => readFile(join(status, name), "utf8")));
    const admin = join(folder, `admin-${name}`);
    await mkdir(admin);
    await writeFile(join(admin, "status"), stanzas.join("\n"));
    const format = "${Package} ${Version} ${Architecture} ${db:Status-Status}\n";
    const shown = await lines("dpkg-query", `--admindir=${admin}`, "--show", `--showformat=${format}`);
    const locks = await Promise.all(recipes.map((recipe) => json(`provenance/images/${recipe}/lock.json`)));
    const locked: readonly { name: string; version: string; architecture: string }[] = locks.flatMap(
      ({ packages }) => packages,
    );
    expect([...shown].sort()).toEqual(
      locked.map(({ name, version, architecture }) => `${name} ${version} ${architecture} installed`).sort(),
    );
  });
});

describe("in an engine", () => {
  let world: World;

  beforeAll(async () => {
    world = await createWorld({ engine: true });
  });
  afterAll(() => world.destroy());

  async function sh(command: string): Promise<string> {
    const env = { ...PLAIN_ENVIRONMENT, DOCKER_HOST: world.engineAddress };
    return (await world.exec("sh", ["-c", command], { cwd: carried, env, timeoutMs: 300_000 })).stdout;
  }

  test("docker load takes the images as the guide says, under the ID of appliance.json", async () => {
    const loaded = (await sh("tar -C images -cf - . | docker load")).trim().split("\n");
    expect(loaded.sort()).toEqual(images.map(({ reference }) => `Loaded image: ${reference}`).sort());
    const format = "{{.Id}} {{json .RootFS.Layers}}";
    for (const { reference, configDigest, diffIds } of images) {
      const inspected = await sh(`docker image inspect --format '${format}' ${reference}`);
      expect(inspected.trim()).toBe(`${configDigest} ${JSON.stringify(diffIds)}`);
    }
  });

  test("Compose starts the stack as the head of the compose file says, and the gateway answers", async () => {
    const [run, audit] = [join(folder, "run"), join(folder, "audit")];
    for (const [path, user, mode] of [
      [join(run, "model"), 10_001, 0o750],
      [join(run, "gateway"), 10_002, 0o750],
      [join(run, "witness"), 10_003, 0o750],
      [join(audit, "log"), 10_002, 0o700],
      [join(audit, "keys"), 10_002, 0o700],
      [join(audit, "witness"), 10_003, 0o700],
    ] as const) {
      await mkdir(path, { recursive: true });
      await chown(path, user, 10_001);
      await chmod(path, mode);
    }
    await writeFile(join(run, "gateway.json"), JSON.stringify(gatewayConfig(model.name)));
    const values = {
      CLOISTER_IMAGE_LLAMA_CPP: imageNamed("llama-cpp").reference,
      CLOISTER_IMAGE_GATEWAY: imageNamed("gateway").reference,
      CLOISTER_MODEL_FILE: join(carried, model.path),
      CLOISTER_MODEL_ALIAS: model.name,
      CLOISTER_MODEL_MEMORY: "1073741824",
      CLOISTER_RUN: run,
      CLOISTER_AUDIT: audit,
      CLOISTER_GATEWAY_CONFIG: "by-hand",
      CLOISTER_RELEASE: "by-hand",
    };
    const head = (await readFile(join(carried, "compose/cloister.yaml"), "utf8")).split(/^name:/m)[0] ?? "";
    expect(head.match(/CLOISTER_[A-Z_]+/g)).toEqual(Object.keys(values));
    const command = /^# +(bin\/docker-compose .*)$/m.exec(head)?.[1] ?? "";
    expect(command).toContain("/var/lib/cloister/run/compose.env");
    const variables = join(folder, "compose.env");
    await writeFile(
      variables,
      Object.entries(values)
        .map((pair) => `${pair.join("=")}\n`)
        .join(""),
    );
    const up = command.replace("/var/lib/cloister/run/compose.env", variables);
    for (const file of ["compose/cloister.yaml", "compose/cloister-none.yaml"]) {
      const start = up.replace("compose/cloister.yaml", file);
      await sh(start);
      const socketPath = join(run, "gateway/gateway.sock");
      await expect
        .poll(async () => await healthAt(socketPath), { timeout: 120_000, interval: 500 })
        .toBe(200);
      const { answer } = await chatOnce(socketPath);
      expect(answer).toBe("Hello from a tiny model.\n");
      expect((await world.events()).filter((event) => !isHousekeeping(event))).toEqual([]);
      await sh(start.replace(/ up .*/, " down"));
      expect(await sh("docker ps --all --quiet; docker network ls --quiet --filter name=cloister")).toBe("");
    }
    // Plain segments and compressed ones, as zstdcat -f takes them.
    expect(await sh(`zstdcat -f ${join(audit, "log/ledger")}/*`)).toContain("Who are you?");
  });
});

/** 0 where nobody listens. */
async function healthAt(socketPath: string): Promise<number> {
  const call = { method: "GET", path: "/health" } as const;
  return await askLocal({ socketPath }, call).then(
    ({ status }) => status,
    () => 0,
  );
}

/** As docs/guide.md has it. */
function gatewayConfig(alias: string): GatewayConfig {
  const keys = "/var/lib/cloister/keys";
  return {
    format: 1,
    listen: { tcp: { host: "0.0.0.0", port: 8080 }, socket: "/run/cloister/gateway/gateway.sock" },
    upstream: { socket: "/run/cloister/model/llama.sock" },
    model: { alias, sha256: `sha256:${"0".repeat(64)}` },
    images: [],
    log: {
      folder: "/var/lib/cloister/log",
      mode: "request",
      content: "plain",
      recipients: [],
      zone: "UTC",
      maxSegmentBytes: 1 << 28,
      retention: { content: 183, ledger: 366 },
      reserveBytes: 0,
    },
    keys: { signing: `${keys}/log.key`, pepper: `${keys}/pepper` },
    witness: { socket: "/run/cloister/witness/witness.sock" },
    policy: { native: [], maxBodyBytes: 1 << 24, allowOrigins: [] },
  };
}
