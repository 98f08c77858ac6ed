/**
 * llama.cpp's own tests of its server, from the source that the image is compiled from, against the appliance's server as it is and
 * through the gateway: node bench/gateway/llama-tests.ts [pytest's own words]
 *
 * All but those that llama.cpp marks as slow, which download real models. Each test starts the server that it wants. Tests whose outcome hangs on what one model of a hub says fail in both columns, as a tiny
 * model stands in for it; what counts is where the columns differ. In both, tests that ask for a model by any other name ask for the
 * one that they started: the gateway refuses other names, and llama-server takes all.
 */
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readLock } from "../../src/builder/lock/read.ts";
import { exec } from "../../src/shared/exec.ts";
import { writeFileWhole } from "../../src/shared/file.ts";
import { randomLlama } from "../../src/shared/gguf/random-llama.ts";
import { tinyEmbedding } from "../../src/shared/gguf/tiny-embedding.ts";
import { writeGguf } from "../../src/shared/gguf/write.ts";
import { openStore } from "../../src/shared/store/store.ts";
import { unpackServer } from "../../test/gateway/clients-model.ts";
import { buildAppliance, REPOSITORY, STORE, withFolder } from "../stage.ts";
import { environment, freePort } from "./processes.ts";

const TESTS = "tools/server/tests";
const LIMIT_MS = 3_000_000;

await withFolder(async (folder) => {
  await unpackTests(folder);
  const server = await unpackServer(await buildAppliance(folder, "echo"), join(folder, "appliance"));
  await writeFileWhole(join(folder, "chat.gguf"), writeGguf(randomLlama(1)));
  await writeFileWhole(join(folder, "embedding.gguf"), writeGguf(tinyEmbedding(1)));
  const direct = await runTests(folder, server, "direct");
  const through = await runTests(folder, server, "gateway");
  process.stdout.write(compare(direct, through));
});

async function unpackTests(folder: string): Promise<void> {
  const { lock } = await readLock(join(REPOSITORY, "images"), "llama-cpp");
  const tar = lock.compile?.source.tar.sha256;
  if (tar === undefined) throw new Error("The lock of llama-cpp has no source");
  const store = await openStore(STORE);
  await exec("tar", ["-xf", store.pathOf(tar), "-C", folder, "tools/server", "models/templates"], {
    timeoutMs: 120_000,
  });
  const python = join(folder, "python");
  await exec("python3", ["-m", "venv", python], { env: environment({}), timeoutMs: 120_000 });
  const requirements = join(folder, TESTS, "requirements.txt");
  await exec(join(python, "bin/pip"), ["install", "--quiet", "-r", requirements, "pytest-timeout"], {
    env: environment({ HOME: process.env["HOME"] ?? "/root" }),
    timeoutMs: 600_000,
  });
  // It would download models before the first test.
  await edit(join(folder, TESTS, "conftest.py"), (text) => text.replace("ServerPreset.load_all()", "pass"));
  const unit = join(folder, TESTS, "unit");
  for (const name of await readdir(unit)) {
    if (!name.endsWith(".py")) continue;
    await edit(join(unit, name), (text) =>
      text
        .replaceAll(/"model": "test"/g, '"model": server.model_alias')
        .replaceAll(/model="(gpt-|davinci-|text-embedding-)[^"]*"/g, "model=server.model_alias"),
    );
  }
}

async function edit(path: string, change: (text: string) => string): Promise<void> {
  await writeFile(path, change(await readFile(path, "utf8")));
}

type Outcome = { readonly outcome: string; readonly why: string };
type Outcomes = ReadonlyMap<string, Outcome>;

async function runTests(folder: string, server: string, how: "direct" | "gateway"): Promise<Outcomes> {
  const program = join(folder, `llama-server-${how}`);
  const own = join(folder, how);
  await mkdir(own);
  const child = join(import.meta.dirname, "llama-server-child.ts");
  await writeFile(
    program,
    `#!/bin/sh\nexec "${process.execPath}" "${child}" ${how} "${folder}" "${server}" "$@"\n`,
  );
  await chmod(program, 0o755);
  const { stdout } = await exec(
    join(folder, "python/bin/pytest"),
    [
      "-rA",
      "-q",
      "--tb=line",
      "--timeout=60",
      "-p",
      "no:cacheprovider",
      "-m",
      "not slow",
      ...process.argv.slice(2),
    ],
    {
      cwd: join(folder, TESTS),
      env: environment({
        LLAMA_SERVER_BIN_PATH: program,
        PORT: String(await freePort()),
        HOME: own,
        LLAMA_CACHE: own,
        PYTHONDONTWRITEBYTECODE: "1",
        // Where the summary's lines are cut.
        COLUMNS: "300",
      }),
      accept: [1],
      timeoutMs: LIMIT_MS,
    },
  );
  const lines = [...stdout.matchAll(/^(PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS) (unit\/.+?)(?: - (.*))?$/gm)];
  return new Map(lines.map(([, outcome = "", name = "", why = ""]) => [name, { outcome, why }]));
}

function compare(direct: Outcomes, through: Outcomes): string {
  const names = [...new Set([...direct.keys(), ...through.keys()])].sort();
  const passed = (outcomes: Outcomes, name: string): boolean => outcomes.get(name)?.outcome === "PASSED";
  const count = (a: boolean, b: boolean): number =>
    names.filter((name) => passed(direct, name) === a && passed(through, name) === b).length;
  const cell = (outcomes: Outcomes, name: string): string => {
    const { outcome, why } = outcomes.get(name) ?? { outcome: "-", why: "" };
    return `${outcome.toLowerCase()} ${why.replaceAll("|", "\\|").slice(0, 80)}`.trim();
  };
  const differing = names.filter((name) => passed(direct, name) !== passed(through, name));
  return [
    "### llama.cpp's own server tests",
    "",
    "| | passed through the gateway | not |",
    "| --- | --- | --- |",
    `| passed directly | ${count(true, true)} | ${count(true, false)} |`,
    `| not | ${count(false, true)} | ${count(false, false)} |`,
    "",
    "| test | directly | through the gateway |",
    "| --- | --- | --- |",
    ...differing.map((name) => `| ${name} | ${cell(direct, name)} | ${cell(through, name)} |`),
    "",
    "",
  ].join("\n");
}
