import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lockWheels, type WheelDeps } from "../../../../src/builder/lock/pypi/lock-wheels.ts";
import { parsePins, type Wish } from "../../../../src/builder/lock/pypi/uv.ts";
import { readMirrors } from "../../../../src/builder/lock/mirrors.ts";
import type { WheelsRecipe } from "../../../../src/builder/recipe/recipe.ts";
import { digestOf, hexOf } from "../../../../src/shared/digest.ts";
import { openHttp, type Http } from "../../../../src/shared/http.ts";
import { silentReporter } from "../../../../src/shared/reporter.ts";
import { answerWith, startLoopback, type Loopback } from "../../../shared/loopback.ts";
import { lockedPackage } from "../../fetch/sample-lock.ts";
import { temporaryStore } from "../../temporary.ts";

const PYTHON = { ...lockedPackage("python3.11-minimal", Buffer.from("python")), version: "3.11.2-6+deb12u9" };
const RECIPE: WheelsRecipe = {
  python: "python3.11",
  destination: "/opt/thing",
  wanted: [{ project: "alpha", version: "1.0", licence: "MIT" }],
  omit: [
    { package: "torch", because: "Nobody needs it" },
    { package: "build", because: "Nobody builds" },
  ],
};
const PINS = [
  { project: "beta", version: "2", because: "alpha" },
  { project: "alpha", version: "1.0" },
];
const WHEEL = Buffer.from("not looked at");

let http: Http;
let server: Loopback;
let pages: Map<string, string>;
beforeEach(async () => {
  http = openHttp({ env: {}, retryDelaysMs: [] });
  pages = new Map([
    ["/simple/alpha/", page("alpha-1.0-py3-none-any.whl", `#sha256=${hexOf(digestOf(WHEEL))}`)],
    ["/simple/beta/", page("beta-2-py3-none-any.whl", `#sha256=${hexOf(digestOf(WHEEL))}`)],
  ]);
  server = await startLoopback((request, response) => {
    const text = pages.get(request.url ?? "");
    if (text !== undefined) response.setHeader("content-type", "text/html");
    answerWith(text === undefined ? WHEEL : Buffer.from(text))(request, response);
  });
});
afterEach(async () => {
  await http.close();
  await server.close();
});

function page(name: string, fragment: string): string {
  return `<a href="/files/${name}${fragment}">${name}</a>`;
}

function jsonFile(name: string) {
  return { filename: name, url: `/files/${name}`, hashes: { sha256: hexOf(digestOf(WHEEL)) }, size: 7 };
}

async function lock(more: { readonly packages?: readonly (typeof PYTHON)[]; readonly wishes?: Wish[] } = {}) {
  const deps: WheelDeps = {
    store: await temporaryStore(),
    http,
    mirrors: readMirrors([`pypi=${server.url}simple`], { env: {}, cwd: "/" }),
    reporter: silentReporter,
    jobs: 2,
    resolveWheels: (wish) => {
      more.wishes?.push(wish);
      return Promise.resolve(PINS);
    },
  };
  return await lockWheels(RECIPE, { packages: more.packages ?? [PYTHON], previous: undefined }, deps);
}

describe("lockWheels", () => {
  test("names each wheel with who asked, digest, size, path and purl, and no host", async () => {
    const { files, python, omitted } = await lock();
    expect(files).toEqual([
      {
        purl: "pkg:pypi/alpha@1.0",
        mirror: "pypi",
        path: "alpha/alpha-1.0-py3-none-any.whl",
        sha256: digestOf(WHEEL),
        sizeBytes: WHEEL.length,
        project: "alpha",
        version: "1.0",
      },
      expect.objectContaining({ project: "beta", path: "beta/beta-2-py3-none-any.whl", because: "alpha" }),
    ]);
    expect(python).toBe("3.11.2");
    expect(omitted.map((one) => one.package)).toEqual(["build", "torch"]);
    expect(JSON.stringify(files)).not.toContain("127.0.0.1");
  });

  test("asks for the interpreter that the packages have, and for what the recipe wants and leaves out", async () => {
    const wishes: Wish[] = [];
    await lock({ wishes });
    expect(wishes).toMatchObject([{ python: "3.11.2", wanted: RECIPE.wanted, previous: [] }]);
    expect(wishes[0]?.omit.map((one) => one.package)).toEqual(["build", "torch"]);
  });

  test("takes the size of a page that tells it, and then downloads nothing", async () => {
    await server.close();
    server = await startLoopback((request, response) => {
      const project = (request.url ?? "").split("/")[2] ?? "";
      const name = project === "alpha" ? "alpha-1.0-py3-none-any.whl" : "beta-2-py3-none-any.whl";
      response.setHeader("content-type", "application/vnd.pypi.simple.v1+json");
      answerWith(Buffer.from(JSON.stringify({ files: [jsonFile(name)] })))(request, response);
    });
    expect((await lock()).files.map(({ sizeBytes }) => sizeBytes)).toEqual([7, 7]);
    expect(server.requests.toSorted()).toEqual(["/simple/alpha/", "/simple/beta/"]);
  });

  test("refuses a wheel without a sha256, and one whose bytes have another", async () => {
    pages.set("/simple/beta/", page("beta-2-py3-none-any.whl", "#md5=00"));
    await expect(lock()).rejects.toMatchObject({ code: "DIGEST_UNKNOWN", class: "integrity" });
    pages.set("/simple/beta/", page("beta-2-py3-none-any.whl", `#sha256=${"0".repeat(64)}`));
    await expect(lock()).rejects.toMatchObject({ code: "DIGEST_MISMATCH", class: "integrity" });
  });

  test("refuses packages without the interpreter", async () => {
    await expect(lock({ packages: [] })).rejects.toMatchObject({ code: "PYTHON_MISSING", exitCode: 2 });
  });
});

describe("parsePins", () => {
  test("reads uv's lines: what the recipe asks for has no asker, everything else its first", () => {
    const text =
      "# a comment\nalpha==1.0          # via -r /x/wanted.in\nB_e.ta==2.0.post1  # via alpha, gamma\ngamma==1!3  # via -r /x/wanted.in, alpha\ndelta==4\n";
    expect(parsePins(text)).toEqual([
      { project: "alpha", version: "1.0" },
      { project: "b-e-ta", version: "2.0.post1", because: "alpha" },
      { project: "gamma", version: "1!3" },
      { project: "delta", version: "4" },
    ]);
  });

  test.each(["alpha", "alpha>=1", "alpha @ http://127.0.0.1/x.whl", "-e .", "--index-url http://127.0.0.1/"])(
    "refuses %s",
    (line) => {
      expect(() => parsePins(`${line}\n`)).toThrow(expect.objectContaining({ code: "WHEELS_UNRESOLVED" }));
    },
  );
});
