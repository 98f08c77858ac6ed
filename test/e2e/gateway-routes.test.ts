import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readLock } from "../../src/builder/lock/read.ts";
import { exec } from "../../src/shared/exec.ts";
import { defaultStoreRoot } from "../../src/shared/store/location.ts";
import { openStore } from "../../src/shared/store/store.ts";
import { extractRoutes } from "../gateway/routes/extract-routes.ts";
import { PINNED_ROUTES } from "../gateway/routes/pinned-routes.ts";
import { openFolder, REPOSITORY } from "./checkout.ts";

test("the list of llama-server's routes is that of the source in the lock", async () => {
  const folder = await openFolder("cloister-routes-");
  const { lock } = await readLock(join(REPOSITORY, "images"), "llama-cpp");
  const tar = (await openStore(defaultStoreRoot(process.env))).pathOf(
    lock.compile?.source.tar.sha256 ?? expect.fail(),
  );
  await exec("tar", ["-xf", tar, "-C", folder, "tools/server"], { timeoutMs: 120_000 });
  const read = async (name: string) => await readFile(join(folder, "tools/server", name), "utf8");
  const routes = extractRoutes({ server: await read("server.cpp"), http: await read("server-http.cpp") });
  expect(routes).toEqual(PINNED_ROUTES);
  // Routes are registered in these two files alone.
  const { stdout } = await exec("grep", [
    "-rlE",
    "ctx_http\\.(get|post|del)|srv->(Get|Post|Put|Patch|Delete|Options)\\(",
    join(folder, "tools/server"),
    "--include=*.cpp",
    "--include=*.h",
  ]);
  expect(stdout.trim().split("\n").sort()).toEqual(
    ["server-http.cpp", "server.cpp"].map((name) => join(folder, "tools/server", name)),
  );
  await rm(folder, { recursive: true });
});
