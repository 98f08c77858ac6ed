/** Other people's readers on an appliance that we wrote. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { AppliancePlan } from "../../../src/builder/appliance/plan.ts";
import { writeAppliance } from "../../../src/builder/appliance/write.ts";
import { exec } from "../../../src/shared/exec.ts";
import { silentReporter as reporter } from "../../../src/shared/reporter.ts";
import { EPOCH } from "../small-image.ts";
import { temporaryFolder, temporaryStore } from "../temporary.ts";
import { smallPlan } from "./small-appliance.ts";

describe("an appliance", () => {
  let folder: string;
  let plan: AppliancePlan;
  let manifest: {
    images: { reference: string; manifestDigest: string; configDigest: string; diffIds: string[] }[];
  };

  beforeAll(async () => {
    folder = await temporaryFolder();
    const store = await temporaryStore();
    plan = await smallPlan(store);
    await writeAppliance(plan, join(folder, "a.tar"), { store, reporter });
    await exec("tar", ["-xf", "a.tar"], { cwd: folder });
    manifest = JSON.parse(await readFile(join(folder, "appliance.json"), "utf8"));
  });

  const image = () => {
    const [first] = manifest.images;
    if (first === undefined) throw new Error("expected an image");
    return first;
  };
  const tag = () => image().reference.replace(/.*:/, "");

  test("is listed by tar in the plan's order", async () => {
    const { stdout } = await exec("tar", ["-tf", "a.tar"], { cwd: folder });
    const files = stdout.split("\n").filter((line) => line !== "" && !line.endsWith("/"));
    expect(files).toEqual(plan.members.map((member) => member.path));
  });

  test("passes sha256sum -c --strict, which names a changed file", async () => {
    const check = () =>
      exec("sha256sum", ["-c", "--strict", "--quiet", "SHA256SUMS"], { cwd: folder, accept: [1] });
    expect(await check()).toMatchObject({ exitCode: 0, stdout: "" });
    const path = join(folder, "docs/guide.md");
    const text = await readFile(path, "utf8");
    await writeFile(path, `${text} `);
    expect(await check()).toMatchObject({ exitCode: 1, stdout: "docs/guide.md: FAILED\n" });
    await writeFile(path, text);
  });

  test("holds an OCI layout in which skopeo sees our manifest digest and layers", async () => {
    const { stdout } = await exec("skopeo", ["inspect", `oci:${folder}/images:${tag()}`]);
    expect(JSON.parse(stdout)).toMatchObject({
      Digest: image().manifestDigest,
      Layers: image().diffIds,
      Created: new Date(EPOCH * 1000).toISOString().replace(".000", ""),
    });
  });

  test("holds a docker archive in which skopeo sees our configuration and diff ids", async () => {
    await exec("tar", ["-C", join(folder, "images"), "-cf", join(folder, "docker.tar"), "."]);
    const archive = `docker-archive:${folder}/docker.tar`;
    const { stdout } = await exec("skopeo", ["inspect", "--raw", archive]);
    expect(JSON.parse(stdout)).toMatchObject({ config: { digest: image().configDigest } });
    const config = JSON.parse((await exec("skopeo", ["inspect", "--config", archive])).stdout);
    expect(config.rootfs.diff_ids).toEqual(image().diffIds);
  });

  test("unpacks by umoci into just what the file list says", async () => {
    const bundle = join(folder, "bundle");
    await exec("umoci", ["unpack", "--rootless", "--image", `${folder}/images:${tag()}`, bundle]);
    const listed = JSON.parse(await readFile(join(folder, "provenance/small.files.json"), "utf8")).files;
    const { stdout } = await exec("find", [join(bundle, "rootfs"), "-mindepth", "1", ...FIND_FORMAT]);
    const found = stdout
      .split("\n")
      .filter((line) => line !== "")
      .sort();
    expect(found).toEqual(listed.map(findLine).sort());
    const sums = listed
      .filter((file: Listed) => file.kind === "file")
      .map((file: Listed) => `${file.sha256?.slice(7)}  ${file.path}\n`);
    await writeFile(join(folder, "rootfs.sums"), sums.join(""));
    await exec("sha256sum", ["-c", "--strict", "--quiet", join(folder, "rootfs.sums")], {
      cwd: join(bundle, "rootfs"),
    });
    await rm(bundle, { recursive: true });
  });
});

const FIND_FORMAT = "( -type d -printf %P\\t%y\\t%m\\n -o -printf %P\\t%y\\t%m\\t%s\\t%l\\n )".split(" ");

type Listed = {
  path: string;
  kind: string;
  mode: number;
  sizeBytes?: number;
  target?: string;
  sha256?: string;
};

function findLine(file: Listed): string {
  if (file.kind === "directory") return `${file.path}\td\t${file.mode.toString(8)}`;
  if (file.kind === "symlink") return `${file.path}\tl\t777\t${file.target?.length}\t${file.target}`;
  return `${file.path}\tf\t${file.mode.toString(8)}\t${file.sizeBytes}\t`;
}

describe("writing to a small disk", () => {
  test("is refused before the first byte, and nothing is left", async () => {
    const disk = await temporaryFolder();
    await exec("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]);
    try {
      const store = await temporaryStore();
      const plan = await smallPlan(store);
      await exec("dd", ["if=/dev/zero", `of=${disk}/filler`, "bs=1k", "count=60"]);
      await expect(writeAppliance(plan, join(disk, "a.tar"), { store, reporter })).rejects.toMatchObject({
        code: "DISK_FULL",
        class: "preflight",
      });
      expect((await exec("ls", ["-A", disk])).stdout).toBe("filler\n");
    } finally {
      await exec("umount", [disk]);
    }
  });
});
