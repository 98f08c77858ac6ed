/** The whole pipeline on small packages that dpkg-deb made. */
import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { checkAppliance } from "../../src/appliance/check-appliance.ts";
import { openAppliance } from "../../src/appliance/open-appliance.ts";
import { writeAppliance } from "../../src/builder/appliance/write.ts";
import { planBuild } from "../../src/builder/build.ts";
import { reproduce } from "../../src/builder/reproduce.ts";
import { digestOf } from "../../src/shared/digest.ts";
import { exec } from "../../src/shared/exec.ts";
import { echoModel } from "../../src/shared/gguf/echo-model.ts";
import { writeGguf } from "../../src/shared/gguf/write.ts";
import { silentReporter as reporter } from "../../src/shared/reporter.ts";
import { openStore, type Store } from "../../src/shared/store/store.ts";
import { guardDeterminism } from "./guard.ts";
import { smallDistribution, type SmallDistribution } from "./small-distribution.ts";
import { temporaryFolder, temporaryStore } from "./temporary.ts";

guardDeterminism();

const { signal } = new AbortController();
const depsOf = (store: Store) => ({ store, reporter, jobs: 1, signal });

async function smallModel(): Promise<string> {
  const path = join(await temporaryFolder(), "model.gguf");
  await writeFile(path, Buffer.concat([...writeGguf(echoModel())]));
  return path;
}

describe("a build", () => {
  let store: Store;
  let small: SmallDistribution;
  let model: string;

  beforeAll(async () => {
    store = await temporaryStore();
    small = await smallDistribution(store);
    model = await smallModel();
  });

  const inputOf = (from: SmallDistribution) =>
    ({ ...from, models: [model], backends: "all", ignoreCompiled: false }) as const;

  async function built(from: SmallDistribution, into: Store) {
    const out = join(await temporaryFolder(), "a.tar");
    const plan = await planBuild(inputOf(from), depsOf(into));
    return { ...(await writeAppliance(plan, out, depsOf(into))), out };
  }

  test("writes what tar, sha256sum and the far side are content with", async () => {
    const { out } = await built(small, store);
    const folder = await temporaryFolder();
    await exec("tar", ["-xf", out], { cwd: folder });
    await exec("sha256sum", ["-c", "--strict", "--quiet", "SHA256SUMS"], { cwd: folder });
    for (const carried of [out, folder])
      await expect(checkAppliance(await openAppliance(carried), { reporter, signal })).resolves.toBeDefined();
    const { images, models } = JSON.parse(await readFile(join(folder, "appliance.json"), "utf8"));
    expect(images).toHaveLength(1);
    expect(models).toMatchObject([{ architecture: "llama", sha256: digestOf(await readFile(model)) }]);
    expect(await readFile(join(folder, "bin/small-tool"), "utf8")).toBe("#!/bin/sh\n");
    expect((await exec("sh", ["-c", "ls SBOM"], { cwd: folder })).stdout).toBe(
      "appliance.cdx.json\ncloister.cdx.json\nsmall.cdx.json\ntools.cdx.json\n",
    );
  });

  test("twice at once in one store gives the same whole file twice", async () => {
    const fresh = await openStore(join(await temporaryFolder(), "store"));
    const copy = await smallDistribution(fresh);
    const [one, other] = await Promise.all([built(copy, fresh), built(copy, fresh)]);
    expect(one.digest).toBe(other.digest);
    expect(digestOf(await readFile(one.out))).toBe(one.digest);
    expect(digestOf(await readFile(other.out))).toBe(one.digest);
  });

  test("gives the same bytes from another folder and another store", async () => {
    const elsewhere = await temporaryStore();
    const one = await built(small, store);
    expect((await built(await smallDistribution(elsewhere), elsewhere)).digest).toBe(one.digest);
  });

  test("names the package that the store lacks", async () => {
    const lacking = await temporaryStore();
    const from = await smallDistribution(lacking);
    const lock = JSON.parse(await readFile(join(from.imagesFolder, "small/lock.json"), "utf8"));
    await rm(lacking.pathOf(lock.packages[0].sha256));
    await expect(planBuild(inputOf(from), depsOf(lacking))).rejects.toMatchObject({
      code: "INPUT_MISSING",
      class: "unavailable",
      message: expect.stringContaining("small-top 1.0"),
    });
  });

  test("refuses a package that was changed in the store", async () => {
    const damaged = await temporaryStore();
    const from = await smallDistribution(damaged);
    const lock = JSON.parse(await readFile(join(from.imagesFolder, "small/lock.json"), "utf8"));
    const path = damaged.pathOf(lock.packages[0].sha256);
    const bytes = await readFile(path);
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
    await chmod(path, 0o644);
    await writeFile(path, bytes);
    await expect(planBuild(inputOf(from), depsOf(damaged))).rejects.toMatchObject({ class: "integrity" });
  });

  test.each([
    [
      "recipe",
      "small/recipe.yaml",
      (text: string) => text.replace("summary: Small", "summary: Other"),
      "LOCK_DRIFT",
    ],
    ["base's lock", "base/lock.json", (text: string) => text.replace('"1.0"', '"1.1"'), "LOCK_DRIFT"],
    [
      "lock's form",
      "small/lock.json",
      (text: string) => text.replace('"format"', '"farmat"'),
      "LOCK_INVALID",
    ],
  ])("refuses a %s that somebody edited", async (...[, path, edit, code]) => {
    const from = await smallDistribution(store);
    const file = join(from.imagesFolder, path);
    await writeFile(file, edit(await readFile(file, "utf8")));
    await expect(planBuild(inputOf(from), depsOf(store))).rejects.toMatchObject({ code, class: "integrity" });
  });

  test("is reproduced, and where it is not, the first entry that differs is named", async () => {
    const { out, digest } = await built(small, store);
    const again = {
      ...small,
      backends: "all",
      carried: await openAppliance(out),
      tar: digest,
      reuseCompiled: false,
    } as const;
    expect(await reproduce(again, depsOf(store))).toMatchObject({ tar: digest });

    const elsewhere = await temporaryStore();
    const other = await smallDistribution(elsewhere);
    await writeFile(join(other.repository, "docs/guide.md"), "# Other\n");
    await expect(reproduce({ ...again, ...other }, depsOf(elsewhere))).rejects.toMatchObject({
      code: "NOT_REPRODUCED",
      class: "integrity",
      fields: { member: "docs/guide.md" },
    });
  });
});
