import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { chooseModel, verifyModel } from "../../src/appliance/release-files.ts";
import type { ApplianceModel } from "../../src/shared/appliance/manifest.ts";
import { modelAlias } from "../../src/shared/appliance/model-alias.ts";
import { digestOf } from "../../src/shared/digest.ts";
import { parseRelativePath } from "../../src/shared/relative-path.ts";
import { temporaryFolder } from "../builder/temporary.ts";

const model = (name: string): ApplianceModel => ({
  path: parseRelativePath("models/one.gguf"),
  sha256: digestOf(name),
  sizeBytes: name.length,
  name,
  architecture: "llama",
});
const [small, large] = [model("Small Model"), model("large")];

test.each([
  ["its name", "Small Model"],
  ["its alias", "Small-Model"],
  ["how its sha256 begins", small.sha256.slice(7, 20)],
  ["its whole digest", small.sha256],
])("chooseModel finds a model by %s", (_, wanted) => {
  expect(chooseModel({ models: [small, large] }, wanted)).toBe(small);
});

test("chooseModel takes the only one unasked, and asks where there are several", () => {
  expect(chooseModel({ models: [large] }, undefined)).toBe(large);
  const choose = () => chooseModel({ models: [small, large] }, undefined);
  expect(choose).toThrow(expect.objectContaining({ code: "MODEL_UNKNOWN", exitCode: 5 }));
  expect(() => chooseModel({ models: [small] }, "lar")).toThrow(
    expect.objectContaining({ code: "MODEL_UNKNOWN" }),
  );
  expect(() => chooseModel({ models: [] }, undefined)).toThrow(expect.objectContaining({ code: "NO_MODEL" }));
});

test.each([
  ["Llama 3.2 (1B)", "Llama-3.2-1B"],
  ["../../$(reboot)'", "reboot"],
  ["日本語", `model-${digestOf("日本語").slice(7, 19)}`],
])("modelAlias makes %j into %j", (name, alias) => {
  expect(modelAlias(model(name))).toBe(alias);
});

test("verifyModel gives the path of the pinned bytes and refuses any other", async () => {
  const folder = await temporaryFolder();
  const { signal } = new AbortController();
  await mkdir(join(folder, "models"));
  await writeFile(join(folder, small.path), small.name);
  expect(await verifyModel(folder, small, signal)).toBe(join(folder, small.path));
  await writeFile(join(folder, small.path), "Small model");
  await expect(verifyModel(folder, small, signal)).rejects.toMatchObject({
    code: "MODEL_DIFFERS",
    exitCode: 3,
  });
});
