/** The image of Open WebUI as its lock makes it: pip, Python and the server itself look at what was installed. */
import { mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { buildImages } from "../../src/builder/build-images.ts";
import type { BuiltImage } from "../../src/builder/image/build-image.ts";
import { readLock, type LockedRecipe } from "../../src/builder/lock/read.ts";
import { hexOf } from "../../src/shared/digest.ts";
import { exec } from "../../src/shared/exec.ts";
import { silentReporter as reporter } from "../../src/shared/reporter.ts";
import type { Store } from "../../src/shared/store/store.ts";
import { filledStore } from "../images/open-webui/built-root.ts";
import { temporaryFolder } from "./temporary.ts";

const IMAGES = join(import.meta.dirname, "../../images");
const SITE = "opt/open-webui/lib/python3.11/site-packages";

let store: Store;
let recipes: readonly LockedRecipe[];
let built: BuiltImage;
let folder: string;
let root: string;

beforeAll(async () => {
  recipes = await Promise.all(["base", "open-webui"].map((name) => readLock(IMAGES, name)));
  store = await filledStore(recipes.map(({ lock }) => lock));
  built = await build(false);
  folder = await temporaryFolder();
  root = join(folder, "root");
  await mkdir(root);
  for (const { digest } of built.layers) await exec("tar", ["-C", root, "-xpf", store.pathOf(digest)]);
});

async function build(ignoreCompiled: boolean, jobs = 2): Promise<BuiltImage> {
  const { signal } = new AbortController();
  const options = { backends: "one", ignoreCompiled, programs: new Map() } as const;
  const [image] = await buildImages(recipes, options, { store, reporter, jobs, signal });
  if (image === undefined) throw new Error("No image was built");
  return image;
}

/** In the image as root, read-only, without a network and as the image's user. */
async function inImage(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const data = join(folder, "data");
  await exec("mkdir", ["-p", "-m", "777", data, join(root, "data")]);
  const { user, env: own } = recipes[1]?.recipe.config ?? { user: "", env: [] };
  const [uid = "", gid = ""] = user.split(":");
  const variables = [...own, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)].flatMap(
    (line) => ["--setenv", line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)],
  );
  const mounts = ["--ro-bind", root, "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"];
  const flags = ["--unshare-all", "--die-with-parent", "--clearenv", "--uid", uid, "--gid", gid];
  const command = [...flags, ...mounts, "--bind", data, "/data", ...variables, "--", ...args];
  return (await exec("bwrap", command, { timeoutMs: 120_000 })).stdout;
}

describe("pip, from the same lock", () => {
  let theirs: string;
  beforeAll(async () => {
    theirs = join(folder, "pip");
    const links = join(folder, "links");
    await mkdir(links);
    const wanted: string[] = [];
    for (const { path, sha256, project, version } of recipes[1]?.lock.wheels?.files ?? []) {
      await exec("ln", ["-s", store.pathOf(sha256), join(links, path.split("/")[1] ?? "")]);
      wanted.push(`${project}==${version} --hash=sha256:${hexOf(sha256)}\n`);
    }
    await writeFile(join(folder, "wanted.txt"), wanted.join(""));
    await exec("/usr/bin/python3.11", ["-m", "venv", "--without-pip", theirs]);
    const pip = ["-m", "pip", "--python", join(theirs, "bin/python"), "install", "-q", "--no-deps"];
    const flags = ["--no-index", "--find-links", links, "--require-hashes", "--no-compile", "--no-cache-dir"];
    // Whichever of this machine's Pythons has pip.
    const env = { PATH: process.env["PATH"] ?? "", LC_ALL: "C", HOME: folder };
    const from = ["-r", join(folder, "wanted.txt")];
    await exec("python3", [...pip, ...flags, ...from], { timeoutMs: 240_000, env });
  });

  test("installs the same files, but for what the recipe trims, bytecode, and what names the installer", async () => {
    const ours = await describeFiles(join(root, "opt/open-webui"), /\.pyc$/);
    // What makes a virtual environment of a folder.
    const all = await describeFiles(theirs, /^(?:bin\/(?:[Aa]ctivate.*|python.*)|pyvenv\.cfg)$|\.pyc$/);
    const trimmed = /\.map$|\/tests\/|\/site-packages\/(?:requirements-slim\.txt|data\/)/;
    // By the lock, only one of them was asked for; by its command line, pip was asked for all.
    const onlyTheirs = [...all.keys()].filter((path) => !ours.has(path));
    expect(onlyTheirs.length).toBeGreaterThan(1000);
    expect(onlyTheirs.filter((path) => !trimmed.test(path) && !path.endsWith("/REQUESTED"))).toEqual([]);
    expect([...ours.keys()].filter((path) => !all.has(path))).toEqual([]);

    const told = /\/(?:RECORD|INSTALLER)$|^bin\//;
    const different = [...ours.keys()].filter((path) => ours.get(path) !== all.get(path) && !told.test(path));
    expect(different).toEqual(["lib/python3.11/site-packages/open_webui/CHANGELOG.md"]);
    expect(ours.size).toBeGreaterThan(15_000);
  });
});

/** sha256 and whether it may be run, by path. */
async function describeFiles(top: string, leftOut: RegExp): Promise<ReadonlyMap<string, string>> {
  const list = [
    "-c",
    'find . -type f -printf "%m %p\\n" | sort -k2 && find . -type f -print0 | xargs -0 sha256sum',
  ];
  const { stdout } = await exec("sh", list, { cwd: top });
  const modes = new Map<string, string>();
  const found = new Map<string, string>();
  for (const line of stdout.split("\n")) {
    const [, mode, named = ""] = /^(\d{3,4}) \.\/(.+)$/.exec(line) ?? [];
    if (mode !== undefined) modes.set(named, (Number.parseInt(mode, 8) & 0o111) === 0 ? "file" : "program");
    const [, hash, path = ""] = /^([0-9a-f]{64}) {2}\.\/(.+)$/.exec(line) ?? [];
    if (hash !== undefined && !leftOut.test(path)) found.set(path, `${hash} ${modes.get(path)}`);
  }
  return found;
}

describe("Python in the image", () => {
  test("finds every file as RECORD says, and no file of which no RECORD tells", async () => {
    const script = `
import base64, csv, glob, hashlib, os
site = "/${SITE}"
listed = set()
for record in glob.glob(site + "/*.dist-info/RECORD"):
    for path, digest, size in csv.reader(open(record)):
        whole = os.path.normpath(os.path.join(site, path))
        listed.add(whole)
        if whole == record: continue
        content = open(whole, "rb").read()
        found = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        if digest != "sha256=" + found or len(content) != int(size): print("differs", whole)
there = {os.path.join(at, name) for at, _, names in os.walk("/opt/open-webui") for name in names}
for path in sorted(listed ^ there): print("only one has", path)
print(len(listed))`;
    const lines = (await inImage(["/usr/bin/python3.11", "-S", "-c", script])).trim().split("\n");
    expect(lines).toHaveLength(1);
    expect(Number(lines[0])).toBeGreaterThan(20_000);
  });

  test("has bytecode of each module, by hash and unchecked, the standard library's too", async () => {
    const script = `
import _imp, importlib.util, os
for top in ("/${SITE}", "/usr/lib/python3.11"):
    count = 0
    for at, _, names in os.walk(top):
        for name in names:
            path = os.path.join(at, name)
            if not name.endswith(".py") or os.path.islink(path): continue
            source = open(path, "rb").read()
            try: compile(source, path, "exec", dont_inherit=True)
            except SyntaxError: continue
            code = open(importlib.util.cache_from_source(path), "rb").read(16)
            wanted = importlib.util.MAGIC_NUMBER + b"\\x01\\0\\0\\0" + _imp.source_hash(importlib.util._RAW_MAGIC_NUMBER, source)
            if code != wanted: print("not of", path)
            count += 1
    print(count > 500)`;
    expect(await inImage(["/usr/bin/python3.11", "-S", "-W", "ignore", "-c", script])).toBe("True\nTrue\n");
  });

  test("imports the server, with a database of its own and no network", async () => {
    const env = {
      ENV: "prod",
      FROM_INIT_PY: "true",
      DATA_DIR: "/data",
      STATIC_DIR: "/tmp/static",
      WEBUI_SECRET_KEY: "of-this-test-alone",
      OFFLINE_MODE: "true",
      ENABLE_OLLAMA_API: "false",
      ENABLE_OPENAI_API: "false",
      RAG_EMBEDDING_ENGINE: "openai",
    };
    const script = "import open_webui.main, sys; print('imported', open_webui.main.app.title)";
    expect(await inImage(["/usr/bin/python3.11", "-S", "-c", script], env)).toContain("imported Open WebUI");
    expect((await stat(join(folder, "data/webui.db"))).size).toBeGreaterThan(0);
  });
});

test("one process at a time, and nothing remembered of bytecode, gives the same image", async () => {
  expect((await build(true, 1)).manifest).toEqual(built.manifest);
});
