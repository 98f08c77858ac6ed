import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readMirrors } from "../../../src/builder/lock/mirrors.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mirrors-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Programs of those names in a PATH of their own, each a line of shell. */
async function machineWith(
  programs: Readonly<Record<string, string>>,
): Promise<{ env: NodeJS.ProcessEnv; cwd: string }> {
  const path = await mkdtemp(join(folder, "bin-"));
  for (const [name, script] of Object.entries(programs)) {
    await writeFile(join(path, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(path, name), 0o755);
  }
  return {
    env: { PATH: path, PIP_INDEX_URL: "http://from-env.example/simple", SECRET: "hush" },
    cwd: folder,
  };
}

describe("readMirrors", () => {
  test("takes flags before the machine's settings and asks no program then", async () => {
    const mirrors = readMirrors(
      ["debian=http://127.0.0.1:1/debian", "npm=http://127.0.0.1:1/"],
      await machineWith({}),
    );
    expect(await mirrors.urlOf("debian")).toBe("http://127.0.0.1:1/debian/");
    expect(await mirrors.urlOf("npm")).toBe("http://127.0.0.1:1/");
  });

  test("asks apt once for a mirror that is needed", async () => {
    const count = join(folder, "asked");
    const script = `echo asked >> ${count}; echo "bookworm http://mirror.example/debian"`;
    const mirrors = readMirrors([], await machineWith({ "apt-get": script }));
    expect(await mirrors.urlOf("debian")).toBe("http://mirror.example/debian/");
    expect(await mirrors.urlOf("debian")).toBe("http://mirror.example/debian/");
    expect(await readFile(count, "utf8")).toBe("asked\n");
  });

  test("follows a file with a list of mirrors", async () => {
    const list = join(folder, "debian.list");
    await writeFile(list, "# ours\nhttp://listed.example/debian priority:1\nhttp://second.example/\n");
    const script = `echo "bookworm mirror+file:${list}"`;
    const mirrors = readMirrors([], await machineWith({ "apt-get": script }));
    expect(await mirrors.urlOf("debian")).toBe("http://listed.example/debian/");
  });

  test("hands pip its own variables and no others", async () => {
    const script = `[ -z "$SECRET" ] && echo ":env:.index-url='$PIP_INDEX_URL'"`;
    const mirrors = readMirrors([], await machineWith({ pip3: script }));
    expect(await mirrors.urlOf("pypi")).toBe("http://from-env.example/simple/");
  });

  test.each(["debian", "debian-security", "pypi", "npm"] as const)(
    "says MIRROR_UNKNOWN and names the flag where nothing tells %s",
    async (name) => {
      const mirrors = readMirrors([], await machineWith({}));
      await expect(mirrors.urlOf(name)).rejects.toMatchObject({
        code: "MIRROR_UNKNOWN",
        class: "preflight",
        hint: `Name it: --mirror ${name}=URL`,
      });
    },
  );

  test("says MIRROR_UNKNOWN for a transport that is not HTTP", async () => {
    const mirrors = readMirrors([], await machineWith({ "apt-get": 'echo "bookworm cdrom:[Debian]/"' }));
    await expect(mirrors.urlOf("debian")).rejects.toMatchObject({ code: "MIRROR_UNKNOWN" });
  });

  test.each(["debian", "=http://x/", "rpm=http://x/", "debian http://x/"])("refuses the flag %j", (flag) => {
    expect(() => readMirrors([flag], { env: {}, cwd: "/" })).toThrow(
      expect.objectContaining({ code: "MIRROR_INVALID", class: "usage" }),
    );
  });

  test("refuses a flag whose address is not HTTP, and shows no password", () => {
    expect(() => readMirrors(["debian=ftp://me:hush@x/"], { env: {}, cwd: "/" })).toThrow(
      expect.objectContaining({ code: "URL_INVALID", message: expect.not.stringContaining("hush") }),
    );
  });
});
