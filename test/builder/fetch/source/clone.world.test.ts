/** Git itself as the oracle, and as the second origin, on repositories of this test alone. */
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { proveSource } from "../../../../src/builder/fetch/source/prove-source.ts";
import type { LockedOrigin } from "../../../../src/builder/lock/lock.ts";
import { exec } from "../../../../src/shared/exec.ts";
import { silentReporter } from "../../../../src/shared/reporter.ts";
import * as fixture from "./fixture.ts";

const URL = "https://github.com/example/thing";
const DATE = "1700000000 +0100";

let folder: string;
let temporary: fixture.TemporaryStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cloister-clone-"));
  temporary = await fixture.temporaryStore();
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
  await temporary.remove();
});

async function git(...args: readonly string[]): Promise<string> {
  const identity = ["-c", "user.name=n", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main"];
  const env = { PATH: "/usr/bin:/bin", HOME: folder, GIT_AUTHOR_DATE: DATE, GIT_COMMITTER_DATE: DATE };
  return (await exec("git", ["-C", folder, ...identity, ...args], { env })).stdout.trim();
}

/** Git sends the request for the address to the folder instead. */
function redirected(): NodeJS.ProcessEnv {
  return {
    PATH: "/usr/bin:/bin",
    HOME: folder,
    GIT_DIR: "/nowhere",
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: `url.file://${folder}.insteadOf`,
    GIT_CONFIG_VALUE_0: URL,
  };
}

async function commitFiles(files: readonly fixture.FixtureFile[]) {
  await git("init", "-q");
  for (const { path, kind, text, target, mode } of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    if (kind === "symlink") await symlink(target ?? "", join(folder, path));
    else await writeFile(join(folder, path), Buffer.from(text ?? "", "latin1"));
    if (mode !== undefined) await chmod(join(folder, path), mode);
  }
  await git("add", "-A", "-f");
  const tree = await git("write-tree");
  await git("commit", "-q", "-m", "first");
  return { commit: await git("rev-parse", "HEAD"), tree };
}

function claim(pin: { commit: string; tree: string }, ...origins: LockedOrigin[]) {
  return { purl: "pkg:github/example/thing@1", licence: "MIT", ...pin, origins };
}

const CLONE: LockedOrigin = { kind: "git", url: URL };

/** Sizes around git's own limits, names that sort oddly, and content that a line-end filter would change. */
const ODD_FILES: readonly fixture.FixtureFile[] = [
  ...fixture.FILES,
  { path: ".gitattributes", text: "*.crlf text eol=crlf\n/omitted export-ignore\n" },
  { path: "omitted", text: "an archive would leave this out\n" },
  { path: "line.crlf", text: "one\ntwo\n" },
  { path: "a/deep/er/and-deeper/file with spaces", text: "" },
  { path: "Zebra", text: "capital letters first" },
  { path: "big", text: "0123456789".repeat(300_000) },
  { path: "binary", text: "\0\xff\n\xc3\x28" },
];

describe("proveSource beside git", () => {
  test("has fixtures whose ids are git's", async () => {
    expect(await commitFiles(fixture.FILES)).toEqual({ commit: fixture.COMMIT, tree: fixture.TREE });
  });

  test("gives the same tar from a clone as from a source distribution with git's own loose object", async () => {
    const pin = await commitFiles(ODD_FILES);
    const { store } = temporary;
    const clone = await proveSource(claim(pin, CLONE), {
      store,
      reporter: silentReporter,
      env: redirected(),
    });
    await rm(store.pathOf(clone.tar.digest));

    const loose = `objects/${pin.commit.slice(0, 2)}/${pin.commit.slice(2)}`;
    const { stdout } = await exec("base64", [join(folder, ".git", loose)]);
    const gitFiles = [{ path: loose, text: Buffer.from(stdout, "base64").toString("latin1") }];
    const origin = await fixture.sdistOrigin(store, await fixture.makeSdist({ files: ODD_FILES, gitFiles }));
    const sdist = await proveSource(claim(pin, origin), { store, reporter: silentReporter, env: {} });
    expect(clone).toEqual(sdist);
  });

  test("finds the commit object in a pack that git made", async () => {
    const pin = await commitFiles(ODD_FILES);
    await git("repack", "-a", "-d", "-q");
    const { store } = temporary;
    const names = (await exec("ls", [join(folder, ".git/objects/pack")])).stdout.trim().split("\n");
    const gitFiles = await Promise.all(
      names.map(async (name) => {
        const { stdout } = await exec("base64", [join(folder, ".git/objects/pack", name)]);
        return { path: `objects/pack/${name}`, text: Buffer.from(stdout, "base64").toString("latin1") };
      }),
    );
    expect(gitFiles.length).toBeGreaterThanOrEqual(2);
    const origin = await fixture.sdistOrigin(store, await fixture.makeSdist({ files: ODD_FILES, gitFiles }));
    const { tar } = await proveSource(claim(pin, origin), { store, reporter: silentReporter, env: {} });
    expect(await store.has(tar.digest)).toBe(true);
  });

  test("fetches one commit out of a history, and leaves nothing but the tar", async () => {
    const first = await commitFiles(fixture.FILES);
    await writeFile(join(folder, "hello"), "second");
    await git("commit", "-q", "-a", "-m", "second");
    await git("config", "uploadpack.allowAnySHA1InWant", "true");
    const deps = { store: temporary.store, reporter: silentReporter, env: redirected() };
    const { tar } = await proveSource(claim(first, CLONE), deps);
    expect(await fixture.filesIn(temporary.store)).toEqual([tar.digest.slice("sha256:".length)]);
  });

  test("refuses a commit whose tree is not the locked one", async () => {
    const pin = { ...(await commitFiles(fixture.FILES)), tree: "0".repeat(40) };
    const deps = { store: temporary.store, reporter: silentReporter, env: redirected() };
    await expect(proveSource(claim(pin, CLONE), deps)).rejects.toMatchObject({ code: "SOURCE_TREE_DIFFERS" });
    expect(await fixture.filesIn(temporary.store)).toEqual([]);
  });

  test("says that the source is not available where the server lacks the commit, and where git is missing", async () => {
    const { tree } = await commitFiles(fixture.FILES);
    const pin = { tree, commit: "1".repeat(40) };
    const { store } = temporary;
    const failing = proveSource(claim(pin, CLONE), { store, reporter: silentReporter, env: redirected() });
    await expect(failing).rejects.toMatchObject({ code: "SOURCE_UNAVAILABLE", exitCode: 11 });
    await expect(failing).rejects.toThrow(`Cannot fetch commit ${pin.commit} from ${URL}`);
    const env = { ...redirected(), PATH: folder };
    await expect(
      proveSource(claim(pin, CLONE), { store, reporter: silentReporter, env }),
    ).rejects.toMatchObject({ code: "SOURCE_UNAVAILABLE", exitCode: 11 });
    expect(await fixture.filesIn(store)).toEqual([]);
  });

  test("refuses a tree with a submodule", async () => {
    await commitFiles(fixture.FILES);
    await git("update-index", "--add", "--cacheinfo", `160000,${"2".repeat(40)},sub`);
    await git("commit", "-q", "-m", "with a submodule");
    const pin = { commit: await git("rev-parse", "HEAD"), tree: await git("rev-parse", "HEAD^{tree}") };
    const deps = { store: temporary.store, reporter: silentReporter, env: redirected() };
    await expect(proveSource(claim(pin, CLONE), deps)).rejects.toMatchObject({
      code: "SOURCE_MODE_UNKNOWN",
      class: "integrity",
    });
  });
});
