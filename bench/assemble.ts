/** Warm assembly beside mmdebstrap, which takes the same .debs out of a mirror on the same disk: node bench/assemble.ts */
import { link, mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { readLock } from "../src/builder/lock/read.ts";
import type { LockedPackage } from "../src/builder/lock/lock.ts";
import { exec } from "../src/shared/exec.ts";
import { writeFileWhole } from "../src/shared/file.ts";
import { openStore } from "../src/shared/store/store.ts";
import { measurePeers, table, type Peer } from "./measure.ts";
import { assertPrograms, REPOSITORY, STORE, withFolder } from "./stage.ts";

const ROUNDS = 7;
/** A round takes more than ten seconds. */
const LONG_ROUNDS = 5;
const IMAGES = join(REPOSITORY, "images");

await assertPrograms(["/usr/bin/mmdebstrap", "/usr/bin/dpkg-scanpackages"]);
await withFolder(async (folder) => {
  const base = (await readLock(IMAGES, "base")).lock.packages;
  const compile = (await readLock(IMAGES, "llama-cpp")).lock.compile?.packages ?? [];
  // apt cannot leave out what base-files asks for, and we can.
  const awk = compile.filter(({ name }) => name === "mawk");
  const small = await localMirror(join(folder, "small"), [...base, ...awk]);
  const large = await localMirror(join(folder, "large"), compile);
  process.stdout.write(
    table(
      "The llama-cpp image (5 packages and what was compiled, layers written anew) and mmdebstrap on 6 packages",
      await measurePeers(
        [ours("image", "warm"), ours("image", "cold"), mmdebstrap(small, [...base, ...awk])],
        ROUNDS,
      ),
    ),
  );
  process.stdout.write(
    table(
      `The compiler's root of ${compile.length} packages as one tar`,
      await measurePeers(
        [ours("root", "warm"), ours("root", "cold"), mmdebstrap(large, compile)],
        LONG_ROUNDS,
      ),
    ),
  );
});

function ours(what: "image" | "root", start: "warm" | "cold"): Peer {
  return {
    name: `cloister, ${start}`,
    command: [process.execPath, join(import.meta.dirname, "assemble-child.ts"), what, start, STORE, IMAGES],
  };
}

function mmdebstrap(mirror: string, packages: readonly LockedPackage[]): Peer {
  const include = packages.map(({ name }) => name).join(",");
  const source = `deb [trusted=yes] copy://${mirror} ./`;
  const command = [
    "mmdebstrap",
    "--quiet",
    "--variant=extract",
    `--include=${include}`,
    "",
    `${mirror}.tar`,
    source,
  ] as const;
  return { name: "mmdebstrap --variant=extract", command, env: { SOURCE_DATE_EPOCH: "1700000000" } };
}

/** The very .debs of the store under the names that apt expects, with an index. */
async function localMirror(folder: string, packages: readonly LockedPackage[]): Promise<string> {
  const store = await openStore(STORE);
  await mkdir(folder);
  for (const { path, sha256 } of packages) await link(store.pathOf(sha256), join(folder, basename(path)));
  const { stdout } = await exec("dpkg-scanpackages", ["--multiversion", "."], { cwd: folder });
  await writeFileWhole(join(folder, "Packages"), stdout);
  return folder;
}
