import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exec, PLAIN_ENVIRONMENT } from "../../../src/shared/exec.ts";
import { writeFileWhole } from "../../../src/shared/file.ts";
import { echoModel } from "../../../src/shared/gguf/echo-model.ts";
import { randomLlama } from "../../../src/shared/gguf/random-llama.ts";
import { randomShape } from "../../../src/shared/gguf/random-shape.ts";
import { readGguf } from "../../../src/shared/gguf/read.ts";
import { tinyEmbedding } from "../../../src/shared/gguf/tiny-embedding.ts";
import { writeGguf } from "../../../src/shared/gguf/write.ts";

/** The reader that the format's own authors publish. */
const READ = `
import json, sys
from gguf import GGUFReader
r = GGUFReader(sys.argv[1])
text = lambda key: bytes(r.fields[key].parts[-1]).decode()
print(json.dumps({
  "architecture": text("general.architecture"), "name": text("general.name"),
  "keys": [k for k in r.fields if not k.startswith("GGUF.")],
  "tensors": len(r.tensors), "parameters": int(sum(t.n_elements for t in r.tensors)),
  "types": sorted({t.tensor_type.name for t in r.tensors}),
}))
`;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gguf-oracle-"));
  // pip takes its index and its certificates from the machine's own settings.
  const env = { ...PLAIN_ENVIRONMENT, ...pipSettings() };
  await exec("python3", ["-m", "venv", join(folder, "venv")], { env, timeoutMs: 120_000 });
  await exec(join(folder, "venv/bin/pip"), ["install", "--quiet", "gguf==0.19.0"], {
    env,
    timeoutMs: 240_000,
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function pipSettings(): Record<string, string> {
  const settings = Object.entries(process.env).filter(([name]) =>
    /^(HOME|PIP_\w+|SSL_CERT_FILE|https?_proxy|no_proxy)$/i.test(name),
  );
  return Object.fromEntries(
    settings.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  );
}

test.each([
  ["echo", echoModel()],
  ["random llama", randomLlama(7)],
  ["embedding", tinyEmbedding(7)],
  ["1.1 B shape", randomShape()],
])("the authors' own reader finds in the %s model what ours finds", async (name, model) => {
  const path = join(folder, `${name}.gguf`);
  await writeFileWhole(path, writeGguf(model));
  const answer = await exec(join(folder, "venv/bin/python"), ["-c", READ, path], { timeoutMs: 120_000 });
  const theirs: unknown = JSON.parse(answer.stdout);
  const ours = await readGguf(path);
  expect(theirs).toMatchObject({
    architecture: ours.architecture,
    name: ours.name,
    keys: ours.keys,
    tensors: ours.tensorCount,
    parameters: ours.parameterCount,
  });
  expect(theirs).toHaveProperty("types", expect.arrayContaining([ours.quantisation]));
  await rm(path);
});
