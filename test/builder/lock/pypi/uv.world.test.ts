/** uv itself, installed by this machine's pip, resolves from an index on the loopback address. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { readMirrors } from "../../../../src/builder/lock/mirrors.ts";
import { resolveWheels, type Wish } from "../../../../src/builder/lock/pypi/uv.ts";
import { digestOf, hexOf } from "../../../../src/shared/digest.ts";
import { silentReporter } from "../../../../src/shared/reporter.ts";
import type { Store } from "../../../../src/shared/store/store.ts";
import { answerWith, startLoopback, type Loopback } from "../../../shared/loopback.ts";
import { temporaryStore } from "../../temporary.ts";
import { wheelBytes } from "../../wheel/small-wheel.ts";

const NEEDS = ["beta>=1", "torch", 'gamma; python_version<"3.8"', 'delta; sys_platform=="win32"'];
const FILES = new Map<string, Buffer>([
  wheel("alpha", "1.0", NEEDS),
  wheel("beta", "1.0", []),
  wheel("beta", "2.0", []),
  ["beta-3.0.tar.gz", Buffer.from("a source distribution")],
]);

function wheel(project: string, version: string, needs: readonly string[]): [string, Buffer] {
  const fields = [
    `Name: ${project}`,
    `Version: ${version}`,
    ...needs.map((need) => `Requires-Dist: ${need}`),
  ];
  const metadata = `Metadata-Version: 2.1\n${fields.join("\n")}\n`;
  return [`${project}-${version}-py3-none-any.whl`, wheelBytes({ project, version, metadata })];
}

let store: Store;
let server: Loopback;
beforeAll(async () => {
  store = await temporaryStore();
  server = await startLoopback((request, response) => {
    const [, place, name = ""] = (request.url ?? "").split("/");
    const file = FILES.get(name);
    if (place === "files" && file !== undefined) return answerWith(file)(request, response);
    response.setHeader("content-type", "text/html");
    answerWith(Buffer.from(pageOf(name)))(request, response);
  });
  // The machine's own index has uv; ours has not.
  await resolve({ wanted: [wanted("six", "1.17.0")] }, []);
});
afterAll(() => server.close());

function pageOf(project: string): string {
  const names = [...FILES].filter(([name]) => name.startsWith(`${project}-`));
  return names
    .map(([name, bytes]) => `<a href="/files/${name}#sha256=${hexOf(digestOf(bytes))}">${name}</a>`)
    .join("\n");
}

function wanted(project: string, version: string) {
  return { project, version, licence: "MIT" };
}

function resolve(wish: Partial<Wish>, flags: readonly string[] = [`pypi=${server.url}simple`]) {
  const mirrors = readMirrors(flags, { env: process.env, cwd: "/" });
  const plain = { wanted: [wanted("alpha", "1.0")], omit: [], python: "3.11.2", previous: [] };
  return resolveWheels({ ...plain, ...wish }, { store, mirrors, reporter: silentReporter, env: process.env });
}

const OMIT = [{ package: "torch", because: "Nobody needs it" }];

test("takes wheels alone, the newest, leaves out what is to be left out, and says who asked", async () => {
  expect(await resolve({ omit: OMIT })).toEqual([
    { project: "alpha", version: "1.0" },
    { project: "beta", version: "2.0", because: "alpha" },
  ]);
});

test("keeps what was locked while it still fits", async () => {
  const previous = [{ project: "beta", version: "1.0" }];
  expect(await resolve({ omit: OMIT, previous })).toContainEqual({
    project: "beta",
    version: "1.0",
    because: "alpha",
  });
});

test("says what cannot be resolved, and neither the index's address nor a stack", async () => {
  const failure: unknown = await resolve({}).catch((error: unknown) => error);
  expect(failure).toMatchObject({
    code: "WHEELS_UNRESOLVED",
    exitCode: 2,
    message: expect.stringContaining("torch"),
  });
  expect(String(failure)).not.toContain(server.url);
});
