/** Whatever a recipe, a lock, a mirror, a model or a disk can do to a build: one exit code, one sentence, nothing half-written. */
import { access, cp, mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { createReadStream } from "node:fs";
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { exec } from "../../src/shared/exec.ts";
import { cloister, cloisterDone, openFolder, REPOSITORY, type CloisterOptions } from "./checkout.ts";
import { expectRefused, type Refusal } from "./refused.ts";
import { bareStore, blobPath, contentsOf, lockedInputs, wholeStore } from "./stores.ts";

/** Enough for the first packages of a build, and for no layer. */
const ROOM_KIB = 8_192;

let folder: string;
let store: string;
let out: string;

beforeAll(async () => {
  folder = await openFolder("cloister-hostile-");
  store = await wholeStore(join(folder, "store"));
  out = join(folder, "out/appliance.tar");
  await mkdir(dirname(out));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Neither a tar nor anything in the store. */
async function expectNothingWritten(args: readonly string[], refusal: Refusal, options?: CloisterOptions) {
  const before = await contentsOf(store);
  await expectRefused([...args, "--store", store], refusal, options);
  expect(await contentsOf(store)).toBe(before);
  expect(await readdir(dirname(out))).toEqual([]);
}

async function build(refusal: Refusal, ...more: readonly string[]) {
  await expectNothingWritten(["build", "--out", out, ...more], refusal);
}

describe("a command line", () => {
  test.each([
    [["bake"], "VERB_UNKNOWN", 'Cannot do "bake": no such verb, expected one of lock, fetch, build'],
    [["build", "--bogus"], "USAGE", "Cannot run \"build\": Unknown option '--bogus'"],
    [["check"], "USAGE", 'Cannot run "check": 0 arguments, expected 1'],
    [["build", "--variant", "cuda"], "VARIANT_UNKNOWN", 'variant "cuda": it is not there yet, expected cpu'],
  ])("%j is refused with 2", async (args, code, says) => {
    await expectRefused(args, { exitCode: 2, code, says });
  });
});

describe("recipes and locks", () => {
  test("a recipe with an unknown field is refused with 2, by its path and the field", async () => {
    const images = await copyImages();
    await edit(join(images, "base/recipe.yaml"), (text) => `${text}colour: blue\n`);
    const says = /recipe ".*base\/recipe\.yaml".*colour/;
    await build({ exitCode: 2, code: "RECIPE_INVALID", says }, "--images", images);
  });

  test("a recipe that was changed after it was locked is refused with 3", async () => {
    const images = await copyImages();
    await edit(join(images, "base/recipe.yaml"), (text) => text.replace(/^summary: /m, "summary: my "));
    const says = /lock ".*base\/lock\.json": the recipe is sha256:[0-9a-f]{64}, expected sha256:/;
    await build({ exitCode: 3, code: "LOCK_DRIFT", says }, "--images", images);
  });

  test("a base's lock that was edited by hand is refused with 3", async () => {
    const images = await copyImages();
    await editLock(images, "base", (lock) => lock.packages.pop());
    const says = /lock ".*node\/lock\.json": the lock of "base" is sha256:[0-9a-f]{64}, expected sha256:/;
    await build({ exitCode: 3, code: "LOCK_DRIFT", says }, "--images", images);
  });
});

describe("a mirror", () => {
  const PACKAGE = "usr-is-merged";
  let server: Server;
  let mirror: readonly string[];
  let vanished: string | undefined;

  beforeAll(async () => {
    const { files } = await lockedInputs();
    const whole = new Map(files.map(({ file }) => [basename(file.path), blobPath(file.sha256)]));
    server = createServer((request, response) => {
      const name = basename(request.url ?? "");
      const path = whole.get(name);
      if (path === undefined || (vanished !== undefined && name.startsWith(vanished)))
        response.writeHead(404).end();
      else createReadStream(join(store, path)).pipe(response);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("No port");
    mirror = ["--mirror", `debian=http://127.0.0.1:${address.port}/`];
  });
  afterAll(() => server.close());

  const direct = { env: { NO_PROXY: "127.0.0.1", no_proxy: "127.0.0.1" } };

  /** The lock asks for a package that nobody has. */
  async function fetchUnknown(fields: { readonly sizeBytes?: number }, refusal: Refusal): Promise<void> {
    const images = await copyImages();
    await editLock(images, "llama-cpp", (lock) => {
      const asked = lock.compile?.packages.find(({ name }) => name === PACKAGE);
      Object.assign(asked ?? {}, { sha256: `sha256:${"0".repeat(64)}`, ...fields });
    });
    await expectNothingWritten(["fetch", "--images", images, ...mirror], refusal, direct);
  }

  test("that has other bytes than the lock says is refused with 3, by both digests", async () => {
    const says =
      /Cannot accept "http:.*usr-is-merged.*": received sha256:[0-9a-f]{64}, expected sha256:0{64}/;
    await fetchUnknown({}, { exitCode: 3, code: "DIGEST_MISMATCH", says });
  });

  test("that has more bytes than the lock says is refused with 3", async () => {
    const says = /received \d+ bytes, expected 5000 bytes/;
    await fetchUnknown({ sizeBytes: 5_000 }, { exitCode: 3, code: "SIZE_MISMATCH", says });
  });

  test("that no longer has a package ends with 11, naming package, version and sha256", async () => {
    const says = /no longer have usr-is-merged \S+ \(sha256:0{64}\)/;
    vanished = PACKAGE;
    try {
      await fetchUnknown({}, { exitCode: 11, code: "INPUT_VANISHED", says });
    } finally {
      vanished = undefined;
    }
  });

  test("that is as it should be fills a store that lacks a package", async () => {
    const { files } = await lockedInputs();
    const wanted = files.find(({ file }) => file.path.includes(PACKAGE))?.file;
    if (wanted === undefined) throw new Error(`No ${PACKAGE}`);
    const lacking = await wholeStore(join(folder, "lacking"));
    await rm(join(lacking, blobPath(wanted.sha256)));
    const args = ["fetch", "--store", lacking, ...mirror, "--json"];
    const { stdout } = await cloisterDone(args, direct);
    expect(JSON.parse(stdout)).toMatchObject({ downloaded: 1, sizeBytes: wanted.sizeBytes });
    await access(join(lacking, blobPath(wanted.sha256)));
  });
});

describe("a model", () => {
  test.each([
    ["was cut short", (path: string) => truncate(path, 500_000), /GGUF model: /],
    ["has another magic", (path: string) => patch(path, "GGML"), /does not begin with "GGUF"/],
    ["is no GGUF at all", (path: string) => writeFile(path, "Dear reader,\n".repeat(1_000)), /GGUF/],
    ["is empty", (path: string) => truncate(path, 0), /GGUF/],
  ])("that %s is refused with 3 and a sentence", async (_, damage, says) => {
    const path = join(folder, "model.gguf");
    await cp(inject("model"), path);
    await damage(path);
    await build({ exitCode: 3, code: "GGUF_MALFORMED", says }, "--model", path);
  });
});

describe("a store", () => {
  test("without anything in it ends with 11, saying what to do", async () => {
    const empty = join(folder, "empty");
    const refusal = { exitCode: 11, code: "INPUT_MISSING", says: /it lacks .+ and \d+ more/ };
    await expectRefused(["build", "--out", out, "--store", empty], refusal);
  });

  test("that lacks one input ends with 11, naming it", async () => {
    const { files } = await lockedInputs();
    const [missing] = files;
    if (missing === undefined) throw new Error("No input");
    const lacking = await wholeStore(join(folder, "lacking-one"));
    await rm(join(lacking, blobPath(missing.file.sha256)));
    const says = `it lacks ${missing.label} (${missing.file.sha256})`;
    const args = ["build", "--out", out, "--store", lacking];
    await expectRefused(args, { exitCode: 11, code: "INPUT_MISSING", says });
  });

  test("that two builds fill at once serves both, and both write the same tar", async () => {
    const shared = await bareStore(join(folder, "shared"));
    const [one, two] = [join(folder, "one.tar"), join(folder, "two.tar")];
    const both = [one, two].map((path) =>
      cloister(["build", "--model", inject("model"), "--out", path, "--store", shared]),
    );
    for (const { exitCode, stderr } of await Promise.all(both)) expect(exitCode, stderr).toBe(0);
    await exec("cmp", [one, two]);
    expect(await readdir(join(shared, "partial"))).toEqual([]);
    await rm(shared, { recursive: true });
  });
});

describe("a full disk", () => {
  test("where the appliance is to be written is seen before, refused with 5, and left as it was", async () => {
    await onSmallDisk("64m", async (disk) => {
      const refusal = { exitCode: 5, code: "DISK_FULL", says: /\d+ bytes are free, expected \d+/ };
      await build(refusal, "--out", join(disk, "appliance.tar"));
      expect(await readdir(disk)).toEqual([]);
    });
  });

  test("where the store lies ends with 5 in the middle, and only whole things stay", async () => {
    await onSmallDisk("2g", async (disk) => {
      const small = await bareStore(join(disk, "store"));
      const usedKib = Number(/^\d+/.exec((await exec("du", ["-sk", disk])).stdout)?.[0]);
      await exec("mount", ["-o", `remount,size=${usedKib + ROOM_KIB}k`, disk]);
      const refusal = { exitCode: 5, code: "DISK_FULL", says: "the disk is full" };
      await expectRefused(["build", "--out", out, "--store", small], refusal);
      expect(await readdir(join(small, "partial"))).toEqual([]);
      const blobs = await exec("find", [join(small, "sha256"), "-type", "f", "-printf", "%f  %p\n"]);
      await exec("sha256sum", ["-c", "--strict", "--quiet"], { input: blobs.stdout });
      await expect(access(out)).rejects.toMatchObject({ code: "ENOENT" });
    });
  });
});

type Locked = { readonly name: string; readonly sizeBytes: number };
type Lock = { readonly packages: Locked[]; readonly compile?: { readonly packages: Locked[] } };

async function copyImages(): Promise<string> {
  const images = join(folder, "images");
  await rm(images, { recursive: true, force: true });
  await cp(join(REPOSITORY, "images"), images, { recursive: true });
  return images;
}

async function edit(path: string, change: (text: string) => string): Promise<void> {
  const before = await readFile(path, "utf8");
  const after = change(before);
  expect(after).not.toBe(before);
  await writeFile(path, after);
}

async function editLock(images: string, name: string, change: (lock: Lock) => unknown): Promise<void> {
  await edit(join(images, name, "lock.json"), (text) => {
    const lock: Lock = JSON.parse(text);
    change(lock);
    return `${JSON.stringify(lock, undefined, 2)}\n`;
  });
}

async function patch(path: string, text: string): Promise<void> {
  const bytes = await readFile(path);
  bytes.write(text);
  await writeFile(path, bytes);
}

async function onSmallDisk(size: string, use: (disk: string) => Promise<void>): Promise<void> {
  const disk = await openFolder("cloister-disk-");
  await exec("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", disk]);
  try {
    await use(disk);
  } finally {
    await exec("umount", [disk]);
    await rm(disk, { recursive: true });
  }
}
