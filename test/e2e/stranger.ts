/** Somebody else: another user with another Node.js, umask, time zone, language and store, in a checkout in another folder. */
import { chmod, chown, copyFile, mkdir, readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { wantedInputs } from "../../src/builder/fetch/inputs.ts";
import { readLock, readRecipes } from "../../src/builder/lock/read.ts";
import { exec } from "../../src/shared/exec.ts";
import { defaultStoreRoot } from "../../src/shared/store/location.ts";
import { cloisterDone, copyCheckout, REPOSITORY, type CloisterOptions } from "./checkout.ts";

const NOBODY = 65_534;
const OWN_STORE = defaultStoreRoot(process.env);

export type Stranger = {
  /** Where it may write. */
  readonly home: string;
  readonly store: string;
  readonly conditions: CloisterOptions;
};

/** With every locked input in a store of its own, as `fetch --from` took them, and nothing that was made from them. */
export async function inviteStranger(folder: string): Promise<Stranger> {
  const checkout = await copyCheckout(join(folder, "elsewhere/deeper/clone"));
  const home = join(folder, "home");
  await mkdir(home, { mode: 0o700 });
  await chown(home, NOBODY, NOBODY);
  const store = join(home, "store");
  const conditions = {
    checkout,
    node: join(checkout, "node_modules/node-newer/bin/node"),
    uid: NOBODY,
    umask: "077",
    cwd: home,
    env: {
      HOME: home,
      TMPDIR: home,
      CLOISTER_STORE: store,
      TZ: "Asia/Tokyo",
      LANG: "de_DE.UTF-8",
      SOURCE_DATE_EPOCH: "86400",
    },
  };
  const inputs = await copyInputs(join(folder, "inputs"));
  await cloisterDone(["fetch", "--from", inputs], conditions);
  return { home, store, conditions };
}

/** The one derived thing that is taken over: what was compiled, which takes too long to be made twice in every run. */
export async function handOverCompiled({ store }: Stranger): Promise<void> {
  const from = join(OWN_STORE, "derived/compile");
  for (const name of await readdir(from)) {
    const record = await readFile(join(from, name), "utf8");
    await handOver(join(from, name), join(store, "derived/compile", name));
    for (const [, hex = ""] of record.matchAll(/"sha256:([0-9a-f]{64})"/g)) {
      const path = join("sha256", hex.slice(0, 2), hex);
      await handOver(join(OWN_STORE, path), join(store, path));
    }
  }
  await exec("chown", ["-R", `${NOBODY}:${NOBODY}`, store]);
}

async function handOver(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, to);
}

/** Source distributions, but not the source that was proven from them. Readable for everybody. */
async function copyInputs(to: string): Promise<string> {
  const images = join(REPOSITORY, "images");
  const recipes = await readRecipes(images);
  const locks = await Promise.all(recipes.map(async ({ name }) => (await readLock(images, name)).lock));
  const { files, sources } = wantedInputs(locks);
  await mkdir(to, { mode: 0o755 });
  for (const { file } of [...files, ...sources.flatMap(({ sdists }) => sdists)]) {
    const hex = file.sha256.slice("sha256:".length);
    await copyFile(join(OWN_STORE, "sha256", hex.slice(0, 2), hex), join(to, hex));
    await chmod(join(to, hex), 0o644);
  }
  return to;
}
