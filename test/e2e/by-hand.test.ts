/** What an operator can do with the one file and without cloister: tar, sha256sum, skopeo, umoci, docker, Compose, ldconfig, dpkg-query. */
import { chown, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { chatOnce } from "../../src/commands/demo/chat.ts";
import { exec, PLAIN_ENVIRONMENT } from "../../src/shared/exec.ts";
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
let image: {
  readonly reference: string;
  readonly manifestDigest: string;
  readonly configDigest: string;
  readonly diffIds: readonly string[];
};
let model: { readonly path: string; readonly name: string };

beforeAll(async () => {
  folder = await openFolder("cloister-hand-");
  carried = join(folder, "appliance");
  await mkdir(carried);
  await exec("tar", ["-xf", inject("appliance"), "-C", carried]);
  ({
    images: [image],
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
const tag = () => image.reference.replace(/.*:/, "");

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

describe("the image in it", () => {
  let root: string;

  beforeAll(async () => {
    const bundle = join(folder, "bundle");
    await exec("umoci", ["unpack", "--rootless", "--image", `${carried}/images:${tag()}`, bundle]);
    root = join(bundle, "rootfs");
  });

  test("has for skopeo the manifest digest and the layers of appliance.json", async () => {
    const { stdout } = await exec("skopeo", ["inspect", `oci:${carried}/images:${tag()}`]);
    expect(JSON.parse(stdout)).toMatchObject({ Digest: image.manifestDigest, Layers: image.diffIds });
  });

  test("is unpacked by umoci to the paths, modes and bytes of its file list", async () => {
    const { files }: { files: readonly Listed[] } = await json("provenance/llama-cpp.files.json");
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
    const admin = join(folder, "admin");
    await mkdir(admin);
    await writeFile(join(admin, "status"), stanzas.join("\n"));
    const format = "${Package} ${Version} ${Architecture} ${db:Status-Status}\n";
    const shown = await lines("dpkg-query", `--admindir=${admin}`, "--show", `--showformat=${format}`);
    const locks = await Promise.all(
      ["base", "llama-cpp"].map((name) => json(`provenance/images/${name}/lock.json`)),
    );
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
    expect(await sh("tar -C images -cf - . | docker load")).toBe(`Loaded image: ${image.reference}\n`);
    const format = "{{.Id}} {{json .RootFS.Layers}}";
    const inspected = await sh(`docker image inspect --format '${format}' ${image.reference}`);
    expect(inspected.trim()).toBe(`${image.configDigest} ${JSON.stringify(image.diffIds)}`);
  });

  test("Compose starts the model as the head of the compose file says, and it answers", async () => {
    const run = join(folder, "run");
    await mkdir(run, { mode: 0o750 });
    await chown(run, 10_001, 10_001);
    const values = {
      CLOISTER_IMAGE_LLAMA_CPP: image.reference,
      CLOISTER_MODEL_FILE: join(carried, model.path),
      CLOISTER_MODEL_ALIAS: model.name,
      CLOISTER_MODEL_MEMORY: "1073741824",
      CLOISTER_RUN: run,
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
    await sh(up);

    const health = () => sh("docker inspect --format '{{.State.Health.Status}}' cloister-model");
    await expect.poll(health, { timeout: 120_000, interval: 500 }).toBe("healthy\n");
    const { answer } = await chatOnce(join(run, "llama.sock"));
    expect(answer).toBe("Hello from a tiny model.\n");
    expect((await world.events()).filter((event) => !isHousekeeping(event))).toEqual([]);
    await sh(up.replace(/ up .*/, " down"));
    expect(await sh("docker ps --all --quiet; docker network ls --quiet --filter name=cloister")).toBe("");
  });
});
