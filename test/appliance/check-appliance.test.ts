import { truncate } from "node:fs/promises";
import { beforeEach, describe, expect, test } from "vitest";
import { checkAppliance } from "../../src/appliance/check-appliance.ts";
import { openAppliance } from "../../src/appliance/open-appliance.ts";
import { digestOf, hexOf } from "../../src/shared/digest.ts";
import { silentReporter as reporter } from "../../src/shared/reporter.ts";
import { asFolder, asTar, editJson, fixSums, flip, smallFiles, type Files } from "./carried.ts";

const deps = { reporter, signal: new AbortController().signal };

type Manifest = {
  images: {
    reference: string;
    manifestDigest: string;
    configDigest: string;
    diffIds: string[];
    files: string;
  }[];
  models: { path: string; sha256: string; sizeBytes: number }[];
  totals: { files: number; sizeBytes: number; imageBytes: number };
};

let files: Files;
beforeEach(async () => {
  files = await smallFiles();
});

async function check(path: string) {
  return await checkAppliance(await openAppliance(path), deps);
}

/** Carried both ways; the sentences that the check says. */
async function faultsOf(): Promise<readonly string[]> {
  const said: unknown[] = [];
  for (const carry of [asTar, asFolder]) {
    const error: unknown = await check(await carry(files)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "APPLIANCE_NOT_INTACT", class: "integrity" });
    said.push(Reflect.get(Reflect.get(Object(error), "fields"), "faults"));
  }
  expect(said[0]).toEqual(said[1]);
  return said[0] as readonly string[];
}

function manifest(): Manifest {
  return JSON.parse(files.get("appliance.json")?.toString() ?? "");
}

function blob(digest: string | undefined): string {
  return `images/blobs/sha256/${digest?.slice("sha256:".length)}`;
}

function layer(): string {
  return blob(manifest().images[0]?.diffIds[1]);
}

function config(): string {
  return blob(manifest().images[0]?.configDigest);
}

describe("checkAppliance", () => {
  test.each([
    ["a tar", asTar],
    ["a folder", asFolder],
  ])("takes %s that is what was built, and says what it is", async (_, carry) => {
    const checked = await check(await carry(files));
    expect(checked.manifestDigest).toBe(digestOf(files.get("appliance.json") ?? ""));
    expect(checked.files).toBe(files.size - 1);
    expect(checked.manifest).toEqual(manifest());
  });

  test.each([
    ["a layer", layer],
    ["a config", config],
    ["a model", () => manifest().models[0]?.path ?? ""],
    ["the compose file", () => "compose/compose.yaml"],
  ])("names %s in which one byte is another", async (_, path) => {
    const before = digestOf(files.get(path()) ?? "");
    flip(files, path());
    expect(await faultsOf()).toEqual([
      `"${path()}" has ${digestOf(files.get(path()) ?? "")}, expected ${before}`,
    ]);
  });

  test("names an appliance.json that says what the sums do not know", async () => {
    editJson(files, "appliance.json", (value: { epoch: number }) => {
      value.epoch += 1;
    });
    expect((await faultsOf()).join()).toMatch(/^"appliance.json" has sha256:[0-9a-f]{64}, expected sha256:/);
  });

  test("names everything that is missing and everything that is not listed, at once", async () => {
    files.delete("docs/guide.md");
    files.delete(layer());
    files.set("docs/more.md", Buffer.from("more"));
    files.set("images/repositories", Buffer.from("{}"));
    expect((await faultsOf()).toSorted()).toEqual(
      [
        '"docs/guide.md" is missing',
        `"${layer()}" is missing`,
        '"docs/more.md" is not in SHA256SUMS',
        '"images/repositories" is not in SHA256SUMS',
      ].toSorted(),
    );
  });

  test.each(["appliance.json", "SHA256SUMS"])("names %s where it is missing", async (path) => {
    files.delete(path);
    expect(await faultsOf()).toEqual([`"${path}" is missing`]);
  });

  test("refuses a tar that was cut short", async () => {
    const path = await asTar(files);
    await truncate(path, 3_000);
    await expect(check(path)).rejects.toMatchObject({ code: "TAR_MALFORMED", class: "integrity" });
  });

  test("stops when it is told to", async () => {
    const stop = new AbortController();
    stop.abort(new Error("enough"));
    const appliance = await openAppliance(await asTar(files));
    await expect(checkAppliance(appliance, { reporter, signal: stop.signal })).rejects.toThrow("enough");
  });
});

/** Whoever changes a file can change its sum as well; what appliance.json promises is then contradicted somewhere. */
describe("checkAppliance, where SHA256SUMS was made to fit", () => {
  test("refuses a layer, a config and a manifest whose bytes are not those of their names", async () => {
    const [image] = manifest().images;
    for (const path of [layer(), config(), blob(image?.manifestDigest)]) {
      files = await smallFiles();
      const text = files.get(path)?.toString("latin1") ?? "";
      // A letter inside of the first text keeps JSON what it is.
      flip(files, path, text.indexOf("a"));
      fixSums(files);
      const expected = `sha256:${path.slice(-64)}`;
      expect(await faultsOf()).toContain(
        `"${path}" has ${digestOf(files.get(path) ?? "")}, expected ${expected}`,
      );
    }
  });

  test("refuses a model that is not the one of appliance.json", async () => {
    const model = manifest().models[0];
    flip(files, model?.path ?? "");
    fixSums(files);
    const received = digestOf(files.get(model?.path ?? "") ?? "");
    expect(await faultsOf()).toEqual([`"${model?.path}" has ${received}, expected ${model?.sha256}`]);
  });

  test("refuses a model that is longer or missing", async () => {
    const model = manifest().models[0]?.path ?? "";
    files.set(model, Buffer.from("GGUF and then some more"));
    fixSums(files);
    expect((await faultsOf()).some((fault) => fault.startsWith(`"${model}" has `))).toBe(true);
    files.delete(model);
    fixSums(files);
    expect((await faultsOf()).some((fault) => fault.startsWith(`"${model}" has no bytes`))).toBe(true);
  });

  test("refuses what appliance.json does not count", async () => {
    files.set("docs/more.md", Buffer.from("more"));
    fixSums(files);
    const { totals } = manifest();
    expect(await faultsOf()).toEqual([
      `it has ${totals.files + 1} files of ${totals.sizeBytes + 4} bytes, expected ${totals.files} of ${totals.sizeBytes}`,
    ]);
  });

  test.each<[string, RegExp, (manifest: Manifest) => void]>([
    ["another config", /the manifest's config is sha256:/, (m) => swap(m, "configDigest", "manifestDigest")],
    [
      "another manifest",
      /the manifest's config is|its manifest/,
      (m) => swap(m, "manifestDigest", "configDigest"),
    ],
    ["one layer less", /the manifest's layers are/, (m) => m.images[0]?.diffIds.pop()],
    ["other names", /"images\/index.json" gives/, (m) => rename(m, "localhost/cloister/other:1")],
    [
      "a list that is not there",
      /"provenance\/none.json" is missing/,
      (m) => relist(m, "provenance/none.json"),
    ],
    ["two images for one", /names 1 images, expected 2/, (m) => m.images.push(...m.images)],
  ])("refuses an appliance.json with %s", async (_, fault, edit) => {
    editJson(files, "appliance.json", edit);
    fixSums(files);
    expect((await faultsOf()).some((one) => fault.test(one))).toBe(true);
  });

  test.each([
    ["images/index.json", "{}", /is no OCI index/],
    ["images/index.json", "[", /is no OCI index/],
    ["images/index.json", '{"manifests":[]}', /names 0 images, expected 1/],
    ["images/manifest.json", "{}", /is not what docker load reads/],
    ["images/manifest.json", "[]", /names 0 images, expected 1/],
  ])("refuses %s that holds %j", async (path, text, fault) => {
    files.set(path, Buffer.from(text));
    fixSums(files);
    expect((await faultsOf()).some((one) => fault.test(one))).toBe(true);
  });

  test("refuses a manifest.json by which docker load would take another layer", async () => {
    const text = files.get("images/manifest.json")?.toString() ?? "";
    const [first, second] = manifest().images[0]?.diffIds.map((id) => id.slice(7)) ?? [];
    files.set("images/manifest.json", Buffer.from(text.replace(second ?? "?", first ?? "?")));
    fixSums(files);
    expect((await faultsOf()).join()).toContain("does not give localhost/cloister/small:");
  });
});

describe("checkAppliance on SHA256SUMS", () => {
  const line = `${hexOf(digestOf(""))}  docs/guide.md\n`;
  test.each([
    ["nothing", ""],
    ["an unended line", line.slice(0, -1)],
    ["a short digest", line.slice(1)],
    ["one blank", line.replace("  ", " ")],
    ["capitals", line.toUpperCase()],
    ["an empty line", `${line}\n`],
    ["a path twice", line + line],
    ["sha256sum's escapes", `\\${line}`],
  ])("refuses %s", async (_, text) => {
    files.set("SHA256SUMS", Buffer.from(text));
    await expect(check(await asTar(files))).rejects.toMatchObject({
      code: "SUMS_MALFORMED",
      class: "integrity",
    });
  });

  test.each(["../etc/passwd", "/etc/passwd", "docs//guide.md", "docs/./guide.md"])(
    "refuses the path %s",
    async (path) => {
      files.set("SHA256SUMS", Buffer.from(line.replace("docs/guide.md", path)));
      await expect(check(await asTar(files))).rejects.toMatchObject({
        code: "PATH_UNSAFE",
        class: "integrity",
      });
    },
  );
});

describe("checkAppliance on appliance.json", () => {
  test.each([
    ["no JSON", "{"],
    ["another format", '{"format":2}'],
  ])("refuses %s", async (_, text) => {
    files.set("appliance.json", Buffer.from(text));
    fixSums(files);
    await expect(check(await asTar(files))).rejects.toMatchObject({
      code: "APPLIANCE_INVALID",
      class: "integrity",
    });
  });

  test.each(["../../etc", "1.0.0/..", "1.0"])("refuses the version %s", async (version) => {
    editJson(files, "appliance.json", (value: { version: string }) => {
      value.version = version;
    });
    await expect(check(await asTar(files))).rejects.toMatchObject({ code: "APPLIANCE_INVALID" });
  });
});

function swap(
  value: Manifest,
  to: "configDigest" | "manifestDigest",
  from: "configDigest" | "manifestDigest",
): void {
  const [image] = value.images;
  if (image !== undefined) image[to] = image[from];
}

function rename(value: Manifest, reference: string): void {
  const [image] = value.images;
  if (image !== undefined) image.reference = reference;
}

function relist(value: Manifest, path: string): void {
  const [image] = value.images;
  if (image !== undefined) image.files = path;
}
