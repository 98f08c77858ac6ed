import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { bytesMember } from "../../../src/builder/appliance/member.ts";
import { planAppliance } from "../../../src/builder/appliance/plan.ts";
import { hashAppliance, writeAppliance } from "../../../src/builder/appliance/write.ts";
import { parseApplianceManifest } from "../../../src/shared/appliance/manifest.ts";
import { digestOf } from "../../../src/shared/digest.ts";
import { silentReporter as reporter } from "../../../src/shared/reporter.ts";
import { createTarIndexer } from "../../../src/shared/tar/index-tar.ts";
import { guardDeterminism } from "../guard.ts";
import { EPOCH, smallImage } from "../small-image.ts";
import { temporaryFolder, temporaryStore } from "../temporary.ts";
import { smallModel, smallPlan } from "./small-appliance.ts";

guardDeterminism();

async function written() {
  const store = await temporaryStore();
  const plan = await smallPlan(store);
  const out = join(await temporaryFolder(), "deep/small.tar");
  const appliance = await writeAppliance(plan, out, { store, reporter });
  return { store, plan, out, appliance, bytes: await readFile(out) };
}

describe("writeAppliance", () => {
  test("says what it wrote", async () => {
    const { appliance, bytes } = await written();
    expect(appliance).toEqual({ digest: digestOf(bytes), sizeBytes: bytes.length, how: "written" });
  });

  test("puts appliance.json and SHA256SUMS first and the model last, folders before their files", async () => {
    const { bytes } = await written();
    const indexer = createTarIndexer("appliance");
    indexer.push(bytes);
    const members = indexer.finish();
    const names = members.map((member) => member.path.replace(/[0-9a-f]{64}/, "<hex>"));
    expect(names).toEqual([
      "appliance.json",
      "SHA256SUMS",
      "SBOM/",
      "SBOM/appliance.cdx.json",
      "compose/",
      "compose/compose.yaml",
      "docs/",
      "docs/guide.md",
      "provenance/",
      "provenance/small.files.json",
      "bin/",
      "bin/cloister",
      "images/",
      "images/oci-layout",
      "images/index.json",
      "images/manifest.json",
      "images/blobs/",
      "images/blobs/sha256/",
      ...Array<string>(4).fill("images/blobs/sha256/<hex>"),
      "models/",
      "models/<hex>.gguf",
      "models/<hex>.json",
    ]);
    expect(members.every(({ mtime, uid, gid }) => mtime === EPOCH && uid === 0 && gid === 0)).toBe(true);
  });

  test("writes a manifest that its reader takes, with totals of all but the two files at the top", async () => {
    const { plan } = await written();
    const [first, , ...others] = plan.members;
    if (first?.source.kind !== "bytes") throw new Error("expected bytes");
    const manifest = parseApplianceManifest(Buffer.from(first.source.bytes).toString(), "appliance.json");
    expect(manifest.totals.files).toBe(others.length);
    expect(manifest.totals.sizeBytes).toBe(others.reduce((sum, member) => sum + member.sizeBytes, 0));
    expect(manifest.images[0]?.files).toBe("provenance/small.files.json");
  });

  test("is byte for byte the same from another store and another model's folder", async () => {
    expect((await written()).appliance).toEqual((await written()).appliance);
  });

  test("keeps a file that has the right bytes already, and replaces one that was touched", async () => {
    const { store, plan, out, appliance, bytes } = await written();
    const before = await stat(out);
    expect(await writeAppliance(plan, out, { store, reporter })).toEqual({ ...appliance, how: "kept" });
    expect((await stat(out)).ino).toBe(before.ino);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    await writeFile(out, bytes);
    expect(await writeAppliance(plan, out, { store, reporter })).toEqual(appliance);
    expect(digestOf(await readFile(out))).toBe(appliance.digest);
  });

  test.each(["GGUF and then sOme", "GGUF", "GGUF and then some more"])(
    "refuses a model that became %j while it was built, and leaves nothing",
    async (text) => {
      const store = await temporaryStore();
      const model = await smallModel();
      const plan = await smallPlan(store, model);
      await writeFile(model.hostPath, text);
      const folder = await temporaryFolder();
      await expect(writeAppliance(plan, join(folder, "a.tar"), { store, reporter })).rejects.toMatchObject({
        code: "MEMBER_CHANGED",
        class: "integrity",
        fields: { expected: model.digest },
      });
      expect(await readdir(folder)).toEqual([]);
    },
  );

  test("two writers of one path at once leave one whole file", async () => {
    const { store, plan, appliance } = await written();
    const out = join(await temporaryFolder(), "a.tar");
    const both = await Promise.all([
      writeAppliance(plan, out, { store, reporter }),
      hashAppliance(plan, { store, reporter }),
    ]);
    expect(both.map(({ digest }) => digest)).toEqual([appliance.digest, appliance.digest]);
    expect(digestOf(await readFile(out))).toBe(appliance.digest);
  });
});

const parts = async (files: ReturnType<typeof bytesMember>[]) => ({
  version: "0.1.0",
  variant: "cpu" as const,
  epoch: EPOCH,
  images: [await smallImage(await temporaryStore())],
  models: [],
  files,
});

describe("planAppliance", () => {
  test.each([
    ["two members of one name", ["docs/a", "docs/a"]],
    ["a name that sha256sum would escape", ["docs/a\\b"]],
    ["a file in no folder", ["README"]],
  ])("stops at %s", async (_, paths) => {
    const input = await parts(paths.map((path) => bytesMember(path, "x")));
    expect(() => planAppliance(input)).toThrow(/^(Two members|".*" (cannot|lies))/);
  });
});
