/** Loading into a real engine. The image is a static busybox, small and quick; the end-to-end tests load the real one. */
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadAppliance } from "../../src/appliance/load-appliance.ts";
import { openAppliance } from "../../src/appliance/open-appliance.ts";
import { remove } from "../../src/appliance/remove.ts";
import { currentRelease, readRelease } from "../../src/appliance/state.ts";
import { planAppliance } from "../../src/builder/appliance/plan.ts";
import { bytesMember } from "../../src/builder/appliance/member.ts";
import { writeAppliance } from "../../src/builder/appliance/write.ts";
import { buildImage } from "../../src/builder/image/build-image.ts";
import type { TreeNode } from "../../src/builder/assemble/tree.ts";
import { connectEngine, type Engine } from "../../src/shared/engine/engine.ts";
import { exec } from "../../src/shared/exec.ts";
import { parseRelativePath } from "../../src/shared/relative-path.ts";
import { silentReporter as reporter } from "../../src/shared/reporter.ts";
import type { Store } from "../../src/shared/store/store.ts";
import { createWorld, type World } from "../../src/world/world.ts";
import { CONFIG, EPOCH } from "../builder/small-image.ts";
import { temporaryFolder, temporaryStore } from "../builder/temporary.ts";
import { asTar, editJson, fixSums, flip, filesOf, type Files } from "./carried.ts";

const { signal } = new AbortController();
const BALLAST_BYTES = 64 << 20;

let world: World;
let engine: Engine;
let store: Store;
let pristine: Buffer;

beforeAll(async () => {
  world = await createWorld({ engine: true });
  engine = await connectEngine(world.engineAddress);
  store = await temporaryStore();
  pristine = await busyboxAppliance(store);
});
afterAll(() => world.destroy());

/** One layer: /bin/busybox, and ballast so that a load takes its time. Its default command ends with 0 at once. */
async function busyboxAppliance(store: Store, applet = "true"): Promise<Buffer> {
  const program = await store.add([await readFile("/bin/busybox")]);
  const ballast = await store.add([Buffer.alloc(BALLAST_BYTES, "ballast")]);
  const at = { uid: 0, gid: 0, mtime: EPOCH };
  const root: readonly TreeNode[] = [
    {
      ...at,
      kind: "file",
      path: parseRelativePath("ballast"),
      mode: 0o644,
      content: { blob: ballast.digest, offset: 0, sizeBytes: ballast.sizeBytes },
    },
    { ...at, kind: "directory", path: parseRelativePath("bin"), mode: 0o755 },
    {
      ...at,
      kind: "file",
      path: parseRelativePath("bin/busybox"),
      mode: 0o755,
      content: { blob: program.digest, offset: 0, sizeBytes: program.sizeBytes },
    },
  ];
  const config = { ...CONFIG, entrypoint: ["/bin/busybox"], command: [applet] };
  const image = await buildImage(
    { name: "small", version: "0.1.0", config, layers: [root], root, epoch: EPOCH },
    { store },
  );
  const files = [
    bytesMember("bin/tool", "#!/bin/sh\n", 0o755),
    bytesMember("compose/cloister.yaml", "name: cloister\n"),
  ];
  const plan = planAppliance({
    version: "0.1.0",
    variant: "cpu",
    epoch: EPOCH,
    images: [image],
    models: [],
    files,
  });
  const out = join(await temporaryFolder(), "busybox.tar");
  await writeAppliance(plan, out, { store, reporter });
  return await readFile(out);
}

async function load(path: string, stateRoot: string) {
  return await loadAppliance(
    { appliance: await openAppliance(path), stateRoot },
    { engine, reporter, signal },
  );
}

async function carry(damage: (files: Files) => void = () => {}): Promise<string> {
  const files = filesOf(pristine);
  damage(files);
  return await asTar(files);
}

/** Nothing of it in the engine, no release, no half of one. */
async function expectNothing(stateRoot: string): Promise<void> {
  expect(await engine.imagesNamed("localhost/cloister/")).toEqual([]);
  expect(await readdir(join(stateRoot, "releases")).catch(() => [])).toEqual([]);
  await expect(currentRelease(stateRoot)).rejects.toMatchObject({ code: "NO_RELEASE" });
}

function layerPath(files: Files): string {
  return (
    [...files]
      .filter(([path]) => path.startsWith("images/blobs/"))
      .toSorted(([, a], [, b]) => b.length - a.length)[0]?.[0] ?? ""
  );
}

function configPath(files: Files): string {
  return (
    [...files].find(([path, bytes]) => path.startsWith("images/blobs/") && bytes.includes('"rootfs"'))?.[0] ??
    ""
  );
}

describe("load", () => {
  test("brings images and files over, finds the promised identity, and a second time changes nothing", async () => {
    const stateRoot = await temporaryFolder();
    const path = join(await temporaryFolder(), "appliance.tar");
    await writeFile(path, pristine);
    const first = await load(path, stateRoot);
    expect(first.how).toBe("loaded");
    const [image] = first.images;
    expect(image?.reference).toMatch(/^localhost\/cloister\/small:0\.1\.0-[0-9a-f]{12}$/);
    const byHand = await exec("/usr/bin/docker", [
      "-H",
      engine.address,
      "image",
      "inspect",
      "-f",
      "{{.Id}}",
      image?.reference ?? "",
    ]);
    expect(byHand.stdout.trim()).toBe(image?.id);
    expect((await currentRelease(stateRoot)).id).toBe(first.release.id);
    const folder = join(stateRoot, "releases", first.release.id);
    await exec("test", ["-x", join(folder, "bin/tool")]);
    expect(await readdir(folder)).not.toContain("images");
    expect((await load(path, stateRoot)).how).toBe("again");
    await remove({ stateRoot, auditLog: "remove", signal }, engine);
    await expectNothing(stateRoot);
  });

  test("notices that the engine has another image under the promised name", async () => {
    const stateRoot = await temporaryFolder();
    const path = await carry();
    const { images } = await load(path, stateRoot);
    const other = join(await temporaryFolder(), "other.tar");
    await exec("tar", ["-cf", other, "-C", "/bin", "busybox"]);
    await exec("/usr/bin/docker", ["-H", engine.address, "import", other, images[0]?.reference ?? ""]);
    await expect(load(path, stateRoot)).rejects.toMatchObject({ code: "IDENTITY_DIFFERS", exitCode: 7 });
    await remove({ stateRoot, auditLog: "remove", signal }, engine);
  });

  test("gives the ID that `docker load` by hand gives", async () => {
    const folder = await temporaryFolder();
    await exec("tar", ["-xf", await carry(), "-C", folder]);
    const script = 'tar -C "$0/images" -cf - . | /usr/bin/docker -H "$1" load';
    await exec("/bin/sh", ["-c", script, folder, engine.address], { timeoutMs: 120_000 });
    const [reference = ""] = await engine.imagesNamed("localhost/cloister/");
    const byHand = await engine.image(reference);
    await engine.removeImage(reference);
    const stateRoot = await temporaryFolder();
    const { images } = await load(await carry(), stateRoot);
    expect(images[0]?.id).toBe(byHand?.id);
    await remove({ stateRoot, auditLog: "remove", signal }, engine);
  });

  test.each<[string, (files: Files) => void, string]>([
    ["a flipped byte in a layer", (files) => flip(files, layerPath(files), 600), "APPLIANCE_NOT_INTACT"],
    ["a flipped byte in a file beside", (files) => flip(files, "bin/tool", 3), "APPLIANCE_NOT_INTACT"],
    ["a missing file", (files) => files.delete("bin/tool"), "APPLIANCE_NOT_INTACT"],
    ["an extra file", (files) => files.set("bin/more", Buffer.from("x")), "APPLIANCE_NOT_INTACT"],
    [
      "another config, and sums that were made to fit",
      (files) => {
        const path = configPath(files);
        files.set(path, Buffer.from(files.get(path)?.toString().replace('"true"', '"TRUE"') ?? ""));
        fixSums(files);
      },
      "APPLIANCE_NOT_INTACT",
    ],
  ])("refuses %s and leaves nothing", async (_, damage, code) => {
    const stateRoot = await temporaryFolder();
    await expect(load(await carry(damage), stateRoot)).rejects.toMatchObject({ code });
    await expectNothing(stateRoot);
  });

  test("refuses an engine that is too old for the appliance before it changes anything", async () => {
    const stateRoot = await temporaryFolder();
    const path = await carry((files) => {
      editJson(files, "appliance.json", (manifest: { engine: { minimumApiVersion: string } }) => {
        manifest.engine.minimumApiVersion = "9.99";
      });
      fixSums(files);
    });
    await expect(load(path, stateRoot)).rejects.toMatchObject({ code: "NOT_FIT", exitCode: 5 });
    await expectNothing(stateRoot);
  });

  test("refuses a state folder on a disk that is too small, and one whose sockets would have too long a path", async () => {
    const stateRoot = join(await temporaryFolder(), "disk");
    await mkdir(stateRoot);
    await exec("mount", ["-t", "tmpfs", "-o", "size=4k", "tmpfs", stateRoot]);
    try {
      await expect(load(await carry(), stateRoot)).rejects.toMatchObject({ class: "preflight" });
    } finally {
      await exec("umount", [stateRoot]);
    }
    const long = join(await temporaryFolder(), "l".repeat(100));
    await expect(load(await carry(), long)).rejects.toMatchObject({ code: "NOT_FIT" });
    expect(await engine.imagesNamed("localhost/cloister/")).toEqual([]);
  });

  test("says that the disk is full where it turns out so on the way, and leaves nothing", async () => {
    const stateRoot = join(await temporaryFolder(), "disk");
    await mkdir(stateRoot);
    // Bytes are free to the last, so that it is not seen beforehand; places for files are not.
    for (const inodes of [3, 4, 6, 8]) {
      await exec("mount", ["-t", "tmpfs", "-o", `nr_inodes=${inodes}`, "tmpfs", stateRoot]);
      try {
        await expect(load(await carry(), stateRoot)).rejects.toMatchObject({
          code: "DISK_FULL",
          exitCode: 5,
        });
        await expectNothing(stateRoot);
      } finally {
        await exec("umount", [stateRoot]);
      }
    }
  });

  test("refuses an image that is as promised and does not start, and leaves nothing", async () => {
    const stateRoot = await temporaryFolder();
    const path = await asTar(filesOf(await busyboxAppliance(store, "false")));
    await expect(load(path, stateRoot)).rejects.toMatchObject({ code: "IMAGE_DOES_NOT_START", exitCode: 7 });
    await expectNothing(stateRoot);
  });

  test("says that there is no engine before it changes anything", async () => {
    const stateRoot = join(await temporaryFolder(), "state");
    const appliance = await openAppliance(await carry());
    const absent = await connectEngine("unix:///nowhere/docker.sock");
    await expect(
      loadAppliance({ appliance, stateRoot }, { engine: absent, reporter, signal }),
    ).rejects.toMatchObject({ code: "ENGINE_ABSENT", exitCode: 5 });
    await expect(readdir(stateRoot)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("leaves nothing where it is interrupted, before and after the engine has it all", async () => {
    const stateRoot = await temporaryFolder();
    const appliance = await openAppliance(await carry());
    for (const step of ["Stream", "Compare"]) {
      const interrupt = new AbortController();
      const stepped = { ...reporter, step: (text: string) => text.startsWith(step) && interrupt.abort() };
      const loading = loadAppliance(
        { appliance, stateRoot },
        { engine, reporter: stepped, signal: interrupt.signal },
      );
      await expect(loading).rejects.toThrow("aborted");
      await expectNothing(stateRoot);
    }
  });

  test("leaves no release where the engine is killed in the middle, and loads when it is back", async () => {
    const stateRoot = await temporaryFolder();
    const path = join(await temporaryFolder(), "again.tar");
    await copyFile(await carry(), path);
    const killing = { ...engine, loadImages: killedOnTheWay() };
    const appliance = await openAppliance(path);
    const failure = loadAppliance({ appliance, stateRoot }, { engine: killing, reporter, signal });
    await expect(failure).rejects.toMatchObject({ code: "ENGINE_LOST", exitCode: 6 });
    await world.startEngine();
    await expectNothing(stateRoot);
    expect((await load(path, stateRoot)).how).toBe("loaded");
    await remove({ stateRoot, auditLog: "remove", signal }, engine);
  });

  test("loads anew what a killed load left half written, and clears away what others left", async () => {
    const stateRoot = await temporaryFolder();
    const path = await carry();
    const { release } = await load(path, stateRoot);
    await exec("rm", [join(stateRoot, "releases", release.id, "release.json")]);
    await mkdir(join(stateRoot, "releases", `${release.id}.part`));
    await writeFile(join(stateRoot, "releases", `${release.id}.part`, "half"), "x");
    await mkdir(join(stateRoot, "releases", "0.0.9-0123456789ab.part"));
    expect(await readRelease(stateRoot, release.id)).toBeUndefined();
    expect((await load(path, stateRoot)).how).toBe("loaded");
    expect(await readdir(join(stateRoot, "releases"))).toEqual([release.id]);
    await remove({ stateRoot, auditLog: "remove", signal }, engine);
  });
});

/** The real load of the real engine, which is killed when a third of the stream has gone into it. */
function killedOnTheWay(): Engine["loadImages"] {
  return (tar, options) =>
    engine.loadImages(
      (async function* () {
        let sent = 0;
        for await (const chunk of tar) {
          if (sent < BALLAST_BYTES / 3 && sent + chunk.length >= BALLAST_BYTES / 3) await world.killEngine();
          sent += chunk.length;
          yield chunk;
        }
      })(),
      options,
    );
}
