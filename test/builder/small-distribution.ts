/** A repository with one image and one set of tools of packages made up on the spot, and a store that holds them. */
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { stringify } from "yaml";
import { lockDigest, parseLock, type Lock, type LockedPackage } from "../../src/builder/lock/lock.ts";
import { parseRecipe, recipeDigest } from "../../src/builder/recipe/recipe.ts";
import { readableJson, type Json } from "../../src/shared/canonical-json.ts";
import { digestOf } from "../../src/shared/digest.ts";
import { exec } from "../../src/shared/exec.ts";
import { parseRelativePath } from "../../src/shared/relative-path.ts";
import type { Store } from "../../src/shared/store/store.ts";
import { CONFIG, EPOCH } from "./small-image.ts";
import { temporaryFolder } from "./temporary.ts";

export type SmallDistribution = { readonly repository: string; readonly imagesFolder: string };

export async function smallDistribution(store: Store): Promise<SmallDistribution> {
  const repository = await temporaryFolder();
  const imagesFolder = join(repository, "images");
  const base = await makePackage(store, "small-base", { "usr/share/small/base": "base\n" });
  const top = await makePackage(store, "small-top", { "usr/share/small/top": "top\n" });
  const tool = await makePackage(store, "small-tool", { "usr/bin/small-tool": "#!/bin/sh\n" });
  const common = { format: 1, suites: ["bookworm"], summary: "Small" };
  const users = [{ name: "root", uid: 0, gid: 0, home: "/root", comment: "root" }];
  const baseLock = await writeImage(
    imagesFolder,
    { ...common, name: "base", kind: "image", packages: ["small-base"], users },
    { packages: [base] },
  );
  await writeImage(
    imagesFolder,
    { ...common, name: "small", kind: "image", base: "base", packages: ["small-top"], config: CONFIG },
    { packages: [top], base: lockDigest(baseLock) },
  );
  const tools = [{ from: "small-tool", path: "usr/bin/small-tool", as: "small-tool" }];
  await writeImage(
    imagesFolder,
    { ...common, name: "tools", kind: "tools", packages: ["small-tool"], tools },
    { packages: [tool] },
  );
  await writeText(repository, "src/cli.ts", `console.log("small");\n`);
  await writeText(repository, "src/audit/verify/main.ts", `console.log("small");\n`);
  await writeText(repository, "package-lock.json", `{ "packages": {} }\n`);
  await writeText(repository, "compose/compose.yaml", "name: small\n");
  await writeText(repository, "docs/guide.md", "# Small\n");
  return { repository, imagesFolder };
}

async function writeText(folder: string, path: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), text);
}

async function writeImage(
  imagesFolder: string,
  recipe: { readonly name: string; readonly [field: string]: Json },
  inputs: Pick<Lock, "packages"> & Partial<Pick<Lock, "base">>,
): Promise<Lock> {
  const yaml = stringify(recipe);
  const lock = {
    format: 1,
    name: recipe.name,
    recipe: recipeDigest(parseRecipe(yaml, "recipe.yaml")),
    epoch: EPOCH,
    releases: [],
    omitted: [],
    ...inputs,
  } as const satisfies Lock;
  await writeText(imagesFolder, `${recipe.name}/recipe.yaml`, yaml);
  await writeText(imagesFolder, `${recipe.name}/lock.json`, readableJson(lock));
  return parseLock(readableJson(lock), "lock.json");
}

async function makePackage(
  store: Store,
  name: string,
  files: Readonly<Record<string, string>>,
): Promise<LockedPackage> {
  const folder = await temporaryFolder();
  const control = {
    Package: name,
    Version: "1.0",
    Architecture: "amd64",
    Maintainer: "Nobody <nobody@example.org>",
    Description: "small",
  };
  const fields = Object.entries(control).map(([field, value]) => `${field}: ${value}\n`);
  await writeText(folder, "root/DEBIAN/control", fields.join(""));
  for (const [path, text] of Object.entries(files)) await writeText(folder, `root/${path}`, text);
  const deb = join(folder, "out.deb");
  const env = { PATH: "/usr/bin:/bin", SOURCE_DATE_EPOCH: String(EPOCH - 100) };
  await exec("dpkg-deb", ["--build", "--root-owner-group", join(folder, "root"), deb], { env });
  const bytes = await readFile(deb);
  await store.add([bytes]);
  return {
    mirror: "debian",
    path: parseRelativePath(`pool/${name}_1.0_amd64.deb`),
    purl: `pkg:deb/debian/${name}@1.0?arch=amd64&distro=bookworm`,
    sha256: digestOf(bytes),
    sizeBytes: (await stat(deb)).size,
    name,
    version: "1.0",
    architecture: "amd64",
    suite: "bookworm",
    source: { name, version: "1.0" },
    scripts: [],
  };
}
