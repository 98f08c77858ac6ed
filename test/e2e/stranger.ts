/** Somebody else: another user with another Node.js, umask, time zone, language and store, in a checkout in another folder. */
import { chown, mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { exec } from "../../src/shared/exec.ts";
import { cloisterDone, copyCheckout, type CloisterOptions } from "./checkout.ts";
import { blobPath, compiledPaths, copyFromStore, lockedInputs } from "./stores.ts";

const NOBODY = 65_534;

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
  for (const path of await compiledPaths()) await copyFromStore(path, join(store, path));
  await exec("chown", ["-R", `${NOBODY}:${NOBODY}`, store]);
}

/** Source distributions, but not the source that was proven from them. Readable for everybody. */
async function copyInputs(to: string): Promise<string> {
  const { files, sources } = await lockedInputs();
  for (const { file } of [...files, ...sources.flatMap(({ sdists }) => sdists)])
    await copyFromStore(blobPath(file.sha256), join(to, basename(blobPath(file.sha256))));
  await exec("chmod", ["-R", "a+rX", to]);
  return to;
}
