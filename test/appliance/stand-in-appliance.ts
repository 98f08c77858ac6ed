/** An appliance with the real stack, the real Compose and a stand-in for the server: see stand-in.c. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bytesMember, type ApplianceMember } from "../../src/builder/appliance/member.ts";
import type { ModelFile } from "../../src/builder/appliance/model-file.ts";
import { planAppliance } from "../../src/builder/appliance/plan.ts";
import { takeTools } from "../../src/builder/appliance/tools.ts";
import { writeAppliance } from "../../src/builder/appliance/write.ts";
import type { Tree } from "../../src/builder/assemble/tree.ts";
import { unpackDeb } from "../../src/builder/assemble/unpack-deb.ts";
import { buildImage } from "../../src/builder/image/build-image.ts";
import { readLock } from "../../src/builder/lock/read.ts";
import { digestOf } from "../../src/shared/digest.ts";
import { exec } from "../../src/shared/exec.ts";
import { parseRelativePath } from "../../src/shared/relative-path.ts";
import { silentReporter as reporter } from "../../src/shared/reporter.ts";
import { defaultStoreRoot } from "../../src/shared/store/location.ts";
import { openStore, type Store } from "../../src/shared/store/store.ts";
import { CONFIG, EPOCH } from "../builder/small-image.ts";
import { temporaryFolder, temporaryStore } from "../builder/temporary.ts";

const REPOSITORY = join(import.meta.dirname, "../..");
const LAUNCHER = "opt/llama/cloister-launcher";
const AT = { uid: 0, gid: 0, mtime: EPOCH };

/** Its path. The models are named for what they say. */
export async function standInAppliance(models: readonly string[]): Promise<string> {
  const store = await temporaryStore();
  const root = await standInRoot(store);
  const config = { ...CONFIG, entrypoint: [`/${LAUNCHER}`] };
  const image = await buildImage(
    { name: "llama-cpp", version: "0.1.0", config, layers: [root], root, epoch: EPOCH },
    { store },
  );
  const compose = await readFile(join(REPOSITORY, "compose/cloister.yaml"));
  const plan = planAppliance({
    version: "0.1.0",
    variant: "cpu",
    epoch: EPOCH,
    images: [image],
    models: await Promise.all(models.map(modelSaying)),
    files: [bytesMember("compose/cloister.yaml", compose), await lockedCompose()],
  });
  const out = join(await temporaryFolder(), "stand-in.tar");
  await writeAppliance(plan, out, { store, reporter });
  return out;
}

async function standInRoot(store: Store): Promise<Tree> {
  const program = join(await temporaryFolder(), "launcher");
  const flags = ["-static", "-Os", "-Wall", "-Wextra", "-Werror", "-s"];
  await exec("gcc", [...flags, "-o", program, join(import.meta.dirname, "stand-in.c")]);
  const { digest: blob, sizeBytes } = await store.add([await readFile(program)]);
  const folders = ["opt", "opt/llama"].map((path) => parseRelativePath(path));
  return [
    ...folders.map((path) => ({ ...AT, path, kind: "directory" as const, mode: 0o755 })),
    {
      ...AT,
      path: parseRelativePath(LAUNCHER),
      kind: "file",
      mode: 0o755,
      content: { blob, offset: 0, sizeBytes },
    },
  ];
}

async function modelSaying(text: string): Promise<ModelFile> {
  const hostPath = join(await temporaryFolder(), "model.gguf");
  await writeFile(hostPath, `${text}\n`);
  const digest = digestOf(`${text}\n`);
  const sizeBytes = text.length + 1;
  return { hostPath, digest, sizeBytes, name: text, architecture: "llama", card: { sha256: digest } };
}

/** The Compose that every appliance carries, from the store that `cloister fetch` fills. */
async function lockedCompose(): Promise<ApplianceMember> {
  const store = await openStore(defaultStoreRoot(process.env));
  const { recipe, lock } = await readLock(join(REPOSITORY, "images"), "tools");
  const tools = recipe.tools?.filter(({ as }) => as === "docker-compose") ?? [];
  const [taken] = await takeTools(
    { recipe: { ...recipe, tools }, lock },
    { store, unpackDeb: (deb) => unpackDeb(deb, { store }) },
  );
  if (taken === undefined) throw new Error("The tools' recipe names no docker-compose");
  const source = { kind: "host file", path: store.pathOf(taken.digest) } as const;
  return { ...taken, source };
}
