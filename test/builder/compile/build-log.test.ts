import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { followLog } from "../../../src/builder/compile/build-log.ts";
import type { Reporter } from "../../../src/shared/reporter.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cloister-log-"));
});
afterAll(() => rm(folder, { recursive: true }));

function listener() {
  const said: string[] = [];
  const reporter: Reporter = {
    step: (text) => said.push(text),
    progress: ({ done, total, unit }) => said.push(`${done} of ${total} ${unit}`),
    note: (text) => said.push(text),
  };
  return { said, reporter };
}

async function* chunksOf(...chunks: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

async function* failing(): AsyncGenerator<Uint8Array> {
  yield Buffer.from("before\n");
  throw new Error("the program failed");
}

describe("followLog", () => {
  test("tells steps and ninja's progress, however the output is cut, and writes all of it", async () => {
    const { said, reporter } = listener();
    const path = join(folder, "log");
    const log = followLog(
      chunksOf("== conf", "igure\n[1/44", "8] CXX a.o\nnoise\n[12/x] odd\n[2/448]", " CXX b.o"),
      path,
      reporter,
    );
    await log.finished;
    expect(said).toEqual(["Compile: configure", "1 of 448 items", "2 of 448 items"]);
    expect(log.tail().at(-1)).toBe("[2/448] CXX b.o");
    expect(await readFile(path, "utf8")).toBe(
      "== configure\n[1/448] CXX a.o\nnoise\n[12/x] odd\n[2/448] CXX b.o",
    );
  });

  test("keeps the last forty lines, each cut to a length that a terminal takes", async () => {
    const lines = Array.from({ length: 100 }, (_, at) => `${at} ${"x".repeat(2_000)}\n`);
    const log = followLog(chunksOf(...lines), join(folder, "long"), listener().reporter);
    await log.finished;
    expect(log.tail()).toHaveLength(40);
    expect(log.tail()[0]).toMatch(/^60 x{497}$/);
  });

  test("fails as the output fails, with what came before still in the tail and in the file", async () => {
    const path = join(folder, "failing");
    const log = followLog(failing(), path, listener().reporter);
    await expect(log.finished).rejects.toThrow("the program failed");
    expect(log.tail()).toEqual(["before"]);
    expect(await readFile(path, "utf8")).toBe("before\n");
  });
});
