/** Every package of the lock is there for something: the server is used from boot to a question about a document, and what it imported is compared. */
import { chmod, mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import type { LockedRecipe } from "../../../src/builder/lock/read.ts";
import { parseSwitches } from "../../../src/builder/recipe/switches.ts";
import { projectOf } from "../../../src/builder/wheel/project.ts";
import { exec } from "../../../src/shared/exec.ts";
import { temporaryFolder } from "../../builder/temporary.ts";
import { buildRoot } from "./built-root.ts";
import { reportImports, type Owners } from "./imports.ts";

const SWITCHES = join(import.meta.dirname, "../../../images/open-webui/switches.yaml");
const SITE = "/opt/open-webui/lib/python3.11/site-packages";

/** What `up` would give, for a stand-in of the model on the same loopback. */
const GIVEN = {
  OPENAI_API_BASE_URLS: "http://127.0.0.1:8081/v1",
  OPENAI_API_KEYS: "of-this-test",
  RAG_OPENAI_API_BASE_URL: "http://127.0.0.1:8081/v1",
  RAG_OPENAI_API_KEY: "of-this-test",
  RAG_EMBEDDING_MODEL: "stand-in",
  FORWARD_USER_INFO_HEADER_JWT_SECRET: "the-identity's-secret-of-this-test-alone",
  WEBUI_SECRET_KEY: "the-session's-secret-of-this-test-alone",
  CORS_ALLOW_ORIGIN: "http://127.0.0.1:8080",
};

let root: string;
let data: string;
let image: LockedRecipe;
let log: string;
let used: Use;
type Use = { readonly error: string | null; readonly files: readonly string[]; readonly seen: Seen };
type Seen = {
  readonly config: { readonly features: Readonly<Record<string, unknown>>; readonly oauth: unknown };
  readonly updates: { readonly current: string; readonly latest: string };
  readonly fetches: readonly number[];
};
beforeAll(async () => {
  const folder = await temporaryFolder();
  root = join(folder, "root");
  data = join(folder, "data");
  image = await buildRoot(root);
  await mkdir(data);
  await chmod(data, 0o777);
  await inImage("make-files.py", ["/data"]);
  log = await inImage("drive.py", ["/data", "/data/used.json"]);
  used = JSON.parse(await readFile(join(data, "used.json"), "utf8"));
});

/** A script of this folder by the image's Python, as its user, read-only, without a network; what it may write is the volume. */
async function inImage(script: string, args: readonly string[]): Promise<string> {
  const { config } = image.recipe;
  if (config === undefined) throw new Error("The recipe has no config");
  const [python = "", ...rest] = config.entrypoint;
  const [uid = "", gid = ""] = config.user.split(":");
  const lines = [...config.env, ...Object.entries(GIVEN).map(([name, value]) => `${name}=${value}`)];
  const variables = lines.flatMap((line) => {
    const at = line.indexOf("=");
    return ["--setenv", line.slice(0, at), line.slice(at + 1)];
  });
  const flags = ["--unshare-all", "--die-with-parent", "--clearenv", "--uid", uid, "--gid", gid];
  const mounts = ["--ro-bind", root, "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"];
  const more = ["--bind", data, "/data", "--ro-bind", import.meta.dirname, "/mnt"];
  const command = [python, ...rest.slice(0, rest.indexOf("-m")), `/mnt/${script}`, ...args];
  const line = [...flags, ...mounts, ...more, ...variables, "--", ...command];
  return (await exec("bwrap", line, { timeoutMs: 240_000 })).stdout;
}

/** By the RECORDs that were installed. */
async function ownersIn(site: string): Promise<Owners> {
  const owners = new Map<string, string>();
  for (const name of await readdir(join(root, site))) {
    const [, project] = /^(.+)-[^-]+\.dist-info$/.exec(name) ?? [];
    if (project === undefined) continue;
    const record = await readFile(join(root, site, name, "RECORD"), "utf8");
    for (const line of record.split("\n").filter((one) => one !== ""))
      owners.set(join(site, line.slice(0, line.indexOf(","))), projectOf(project));
  }
  return owners;
}

test("what `up` would give is what the table of switches says that it gives", async () => {
  const { variables } = parseSwitches(await readFile(SWITCHES, "utf8"), SWITCHES);
  const given = variables.filter((one) => one.given !== undefined).map(({ name }) => name);
  // The first administrator signs up instead.
  const left = ["WEBUI_ADMIN_EMAIL", "WEBUI_ADMIN_PASSWORD"];
  expect([...Object.keys(GIVEN), ...left].toSorted()).toEqual(given.toSorted());
});

test("with the image's switches it signs up, chats, reads eight kinds of files and answers from knowledge", () => {
  expect(used.error).toBeNull();
});

test("an administrator is shown no feature that would end outside, and fetches nothing but by the two routes that stay", () => {
  const { config, updates, fetches } = used.seen;
  const off =
    "apps code_execution code_interpreter community_sharing direct_connections direct_integrations functions google_drive_integration " +
    "image_generation ldap onedrive_integration plugins signup tool_servers tools user_webhooks version_update_check web_search";
  const shown = off.split(" ").filter((name) => config.features[`enable_${name}`] !== false);
  expect(shown).toEqual([]);
  expect(config.oauth).toMatchObject({ providers: {} });
  expect(updates.latest).toBe(updates.current);
  // One address that all four could reach: the list of hosts refuses it before anything else is asked.
  expect(fetches).toEqual([400, 400, 200, 200]);
  expect(log.match(/Blocked by filter list: 127\.0\.0\.1/g)).toHaveLength(2);
});

test("every package of the lock was imported, or the recipe says why it is kept", async () => {
  const owners = await ownersIn(SITE);
  const wheels = image.lock.wheels?.files.map(({ project }) => project) ?? [];
  expect([...new Set(owners.values())].toSorted()).toEqual(wheels.toSorted());
  const kept = (image.recipe.wheels?.kept ?? []).map((one) => one.package);
  const { imported, ...faults } = reportImports(used.files, { top: "/opt", owners, kept });
  expect(faults).toEqual({ neverNeeded: [], wronglyKept: [], foreign: [] });
  const readers = [
    "docx2txt",
    "openpyxl",
    "pypdf",
    "python-pptx",
    "beautifulsoup4",
    "chromadb",
    "websockets",
  ];
  expect(imported).toEqual(expect.arrayContaining(["open-webui", ...readers]));
});
