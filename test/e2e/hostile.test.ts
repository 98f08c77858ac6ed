/** A carried appliance that was damaged or doctored, an engine that is not there or dies: check and load, through the command line. */
import { access, copyFile, mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { openAppliance } from "../../src/appliance/open-appliance.ts";
import { exec } from "../../src/shared/exec.ts";
import { writeTar } from "../../src/shared/tar/write.ts";
import { createWorld, type World } from "../../src/world/world.ts";
import { cloister, cloisterDone, openFolder, start, watchLines } from "./checkout.ts";
import { flipByte } from "./flip-byte.ts";
import { expectRefused } from "./refused.ts";

type Manifest = {
  readonly images: readonly { readonly configDigest: string; readonly diffIds: readonly string[] }[];
  readonly models: readonly { readonly path: string }[];
};

let world: World;
let folder: string;
let manifest: Manifest;
/** The damaged copy. */
let tar: string;
let state: string;

beforeAll(async () => {
  folder = await openFolder("cloister-carried-");
  tar = join(folder, "damaged.tar");
  state = join(folder, "state");
  manifest = JSON.parse((await exec("tar", ["-xOf", inject("appliance"), "appliance.json"])).stdout);
  world = await createWorld({ engine: true });
});
afterAll(async () => {
  await world.destroy();
  await rm(folder, { recursive: true, force: true });
});

const load = (path: string) => ["load", path, "--state", state, "--engine", world.engineAddress];

async function docker(...args: readonly string[]): Promise<string> {
  return (await exec("docker", ["-H", world.engineAddress, ...args])).stdout.trim();
}

/** Neither in the engine nor in the state folder. */
async function expectNothingLoaded(): Promise<void> {
  expect(await docker("images", "--all", "--quiet")).toBe("");
  expect(await docker("ps", "--all", "--quiet")).toBe("");
  const left = await exec("find", [state, "-mindepth", "1", "!", "-path", join(state, "releases")], {
    accept: [1],
  });
  expect(left.stdout).toBe("");
}

const blob = (digest = "") => `images/blobs/sha256/${digest.slice("sha256:".length)}`;
const layer = () => blob(manifest.images[0]?.diffIds[1]);
const config = () => blob(manifest.images[0]?.configDigest);

async function flip(path: string): Promise<void> {
  const member = (await openAppliance(tar)).file(path);
  if (member === undefined) throw new Error(`No "${path}"`);
  await flipByte(tar, member.location.offset + (member.sizeBytes >> 1));
}

async function repackWithout(name: string): Promise<void> {
  const unpacked = join(folder, "unpacked");
  await mkdir(unpacked);
  await exec("tar", ["-xf", tar, "-C", unpacked]);
  await rm(join(unpacked, name));
  await exec("tar", ["-cf", tar, "-C", unpacked, "."]);
  await rm(unpacked, { recursive: true });
}

/** What GNU tar adds to the end of it. */
async function add(name: string, make: (path: string) => Promise<unknown>, ...options: readonly string[]) {
  const path = join(folder, "added", name);
  await mkdir(join(path, ".."), { recursive: true });
  await make(path);
  await exec("tar", ["-rf", tar, ...options, name], { cwd: join(folder, "added") });
  await rm(join(folder, "added"), { recursive: true });
}

/** GNU tar makes none of these itself. */
async function addHardLink(): Promise<void> {
  const plain = { uid: 0, gid: 0, mode: 0o644, mtime: 0, sizeBytes: 0, content: () => [] };
  const link = { ...plain, path: "docs/link", kind: "hardlink", linkTarget: "/etc/passwd" } as const;
  const other = join(folder, "link.tar");
  await writeFile(other, await Array.fromAsync(writeTar([link])));
  await exec("tar", ["--concatenate", "-f", tar, other]);
}

const text = (path: string) => writeFile(path, "more\n");
const differs = (path: () => string) => () =>
  `"${path()}" has sha256:[0-9a-f]{64}, expected|its config sha256:${path().slice(-64)} is missing or malformed`;

type Damage = readonly [string, () => Promise<unknown>, () => string];

const model = () => manifest.models[0]?.path ?? "";
const ALTERED: readonly Damage[] = [
  ["one other byte in a layer", () => flip(layer()), differs(layer)],
  ["one other byte in a config", () => flip(config()), differs(config)],
  ["one other byte in the model", () => flip(model()), differs(model)],
  ["one other byte in the program", () => flip("bin/cloister.mjs"), differs(() => "bin/cloister.mjs")],
  ["a file less", () => repackWithout("docs/guide.md"), () => '"docs/guide.md" is missing'],
  ["a file more", () => add("docs/more.md", text), () => '"docs/more.md" is not in SHA256SUMS'],
];
const NO_TAR: readonly Damage[] = [
  ["half of its bytes", () => truncate(tar, 100_000_000), () => "it is cut short, its end is missing"],
  ["no end", () => exec("truncate", ["--size=-1024", tar]), () => "it is cut short"],
];
const OUTSIDE: readonly Damage[] = [
  ["a path that leads out of it", () => add("evil", text, "-P", "--transform=s,^,../,"), () => '"../evil"'],
  ["an absolute path", () => add("evil", text, "-P", "--transform=s,^,/tmp/,"), () => '"/tmp/evil"'],
];
const NOT_ONE_FILE: readonly Damage[] = [
  [
    "a symbolic link out of it",
    () => add("docs/link", (path) => exec("ln", ["-s", "/etc/passwd", path])),
    () => '"docs/link": a symlink',
  ],
  ["a hard link out of it", addHardLink, () => '"docs/link": a hardlink'],
  ["a device in it", () => add("disk", (path) => exec("mknod", [path, "b", "8", "0"])), () => '"disk": a '],
  ["two files of one name", () => add("docs/guide.md", text), () => '"docs/guide.md": two files'],
];

async function expectBothRefuse(code: string, [, damage, says]: Damage): Promise<void> {
  await copyFile(inject("appliance"), tar);
  await damage();
  const refusal = { exitCode: 3, code, says: new RegExp(says()) };
  await expectRefused(["check", tar], refusal);
  await expectRefused(load(tar), refusal);
  await expectNothingLoaded();
}

describe("check and load refuse with 3, and nothing is left in engine and state, an appliance with", () => {
  test.each(ALTERED)("%s", (...damage) => expectBothRefuse("APPLIANCE_NOT_INTACT", damage));
  test.each(NO_TAR)("%s", (...damage) => expectBothRefuse("TAR_MALFORMED", damage));
  test.each(OUTSIDE)("%s", (...damage) => expectBothRefuse("PATH_UNSAFE", damage));
  test.each(NOT_ONE_FILE)("%s", (...damage) => expectBothRefuse("APPLIANCE_MEMBER", damage));
});

describe("an engine", () => {
  test("that is not there ends load with 5, and no state is made", async () => {
    const nowhere = join(folder, "nowhere");
    const args = ["load", inject("appliance"), "--state", nowhere, "--engine", "unix:///run/no-such.sock"];
    const says = 'Cannot reach an engine at "unix:///run/no-such.sock"';
    await expectRefused(args, { exitCode: 5, code: "ENGINE_ABSENT", says });
    await expect(access(nowhere)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("that load was loading into when TERM came has nothing of it, and the state folder neither", async () => {
    const { loading, dockerd } = await loadHalf();
    loading.kill("SIGTERM");
    process.kill(dockerd, "SIGCONT");
    const { exitCode, stderr } = await loading;
    expect(exitCode, stderr).toBe(130);
    expect(stderr).toMatch(/^cloister: Interrupted; what was half done was taken back$/m);
    await expectNothingLoaded();
  });

  test("that is killed in the middle of load ends it with 6; started again, it takes the whole", async () => {
    const { loading } = await loadHalf();
    await world.killEngine();
    const { exitCode, stderr } = await loading;
    expect(exitCode, stderr).toBe(6);
    expect(stderr).toMatch(/^cloister: Cannot load images: the engine at "unix:.*" broke off/m);
    expect(stderr).toMatch(/^hint: See whether the engine still runs/m);
    const files = await exec("find", [state, "-type", "f"], { accept: [1] });
    expect(files.stdout).toBe("");

    await world.startEngine();
    await expectNothingLoaded();
    const { stdout } = await cloisterDone([...load(inject("appliance")), "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ how: "loaded" });
    expect(await readdir(join(state, "releases"))).toHaveLength(1);

    const removed = await cloister(["remove", "--state", state, "--engine", world.engineAddress]);
    expect(removed.exitCode, removed.stderr).toBe(0);
    await expectNothingLoaded();
  });
});

/** Begins to load. The engine is stopped, so that load cannot come to an end before it is continued or killed. */
async function loadHalf() {
  const loading = start("cloister", load(inject("appliance")), {});
  const { says } = watchLines(loading);
  const dockerd = Number(await readFile(join(world.folder, "docker.pid"), "utf8"));
  await says("== Stream the images into the engine");
  process.kill(dockerd, "SIGSTOP");
  // What is kept beside the images goes on to be written; by then bytes have gone to the engine as well.
  await says("50 %");
  return { loading, dockerd };
}
