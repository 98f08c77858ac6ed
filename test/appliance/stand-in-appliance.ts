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
import { buildImage, type BuiltImage } from "../../src/builder/image/build-image.ts";
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
const NODE = "opt/node/bin/node";
const COMPOSE = ["services.yaml", "cloister.yaml", "cloister-none.yaml"];
const AT = { uid: 0, gid: 0, mtime: EPOCH };

/** Its path. The models are named for what they say. */
export async function standInAppliance(models: readonly string[]): Promise<string> {
  const store = await temporaryStore();
  const program = await standInProgram();
  const images = [
    await standInImage(
      { name: "gateway", program, at: NODE, entrypoint: [`/${NODE}`, "/opt/cloister/gateway.mjs"] },
      store,
    ),
    await standInImage({ name: "llama-cpp", program, at: LAUNCHER, entrypoint: [`/${LAUNCHER}`] }, store),
  ];
  const plan = planAppliance({
    version: "0.1.0",
    variant: "cpu",
    epoch: EPOCH,
    images,
    models: await Promise.all(models.map(modelSaying)),
    files: [...(await Promise.all(COMPOSE.map(composeMember))), await lockedCompose()],
  });
  const out = join(await temporaryFolder(), "stand-in.tar");
  await writeAppliance(plan, out, { store, reporter });
  return out;
}

async function composeMember(name: string): Promise<ApplianceMember> {
  return bytesMember(`compose/${name}`, await readFile(join(REPOSITORY, "compose", name)));
}

type StandIn = {
  readonly name: string;
  /** A static program of the machine that runs the test, and where it lies in the image. */
  readonly program: string;
  readonly at: string;
  readonly entrypoint: readonly string[];
};

async function standInImage({ name, program, at, entrypoint }: StandIn, store: Store): Promise<BuiltImage> {
  const root = await standInRoot(program, at, store);
  const config = { ...CONFIG, entrypoint };
  return await buildImage({ name, version: "0.1.0", config, layers: [root], root, epoch: EPOCH }, { store });
}

async function standInProgram(): Promise<string> {
  const program = join(await temporaryFolder(), "launcher");
  const flags = ["-static", "-Os", "-Wall", "-Wextra", "-Werror", "-s"];
  await exec("gcc", [...flags, "-o", program, join(import.meta.dirname, "stand-in.c")]);
  return program;
}

async function standInRoot(program: string, at: string, store: Store): Promise<Tree> {
  const { digest: blob, sizeBytes } = await store.add([await readFile(program)]);
  const parts = at.split("/");
  const folders = parts
    .slice(0, -1)
    .map((_, index) => parseRelativePath(parts.slice(0, index + 1).join("/")));
  return [
    ...folders.map((path) => ({ ...AT, path, kind: "directory" as const, mode: 0o755 })),
    {
      ...AT,
      path: parseRelativePath(at),
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
