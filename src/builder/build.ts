/** From locks to the one tar. Nothing here asks a mirror, a clock or the environment. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { compareCodeUnits } from "../shared/order.ts";
import type { Reporter } from "../shared/reporter.ts";
import type { Store } from "../shared/store/store.ts";
import { VERSION } from "../shared/version.ts";
import { folderMembers } from "./appliance/folder-members.ts";
import { jsonMember, type ApplianceMember } from "./appliance/member.ts";
import { planAppliance, type AppliancePlan } from "./appliance/plan.ts";
import { programMembers } from "./appliance/program.ts";
import { readModels } from "./appliance/read-model.ts";
import { takeTools } from "./appliance/tools.ts";
import { unpackDeb } from "./assemble/unpack-deb.ts";
import { buildImages } from "./build-images.ts";
import { bundleProgram, CLI_ENTRY, VERIFIER_ENTRY, type BundledProgram } from "./bundle.ts";
import { applianceBom } from "./evidence/appliance-bom.ts";
import type { Bom } from "./evidence/bom.ts";
import { lockBoms } from "./evidence/lock-boms.ts";
import { npmComponents, parseNpmLock, programBom } from "./evidence/program-bom.ts";
import { readLock, readRecipes } from "./lock/read.ts";
import type { Recipe } from "./recipe/recipe.ts";
import { requireInputs } from "./require-inputs.ts";

export type BuildInput = {
  /** This repository: its sources become bin/cloister.mjs, its compose/ and docs/ go along. */
  readonly repository: string;
  readonly imagesFolder: string;
  /** GGUF files on this machine. */
  readonly models: readonly string[];
  /** `one` compiles the AVX2 backend alone. */
  readonly backends: "all" | "one";
  /** Compiles again what the store remembers as compiled. */
  readonly ignoreCompiled: boolean;
};

export type BuildDeps = {
  readonly store: Store;
  readonly reporter: Reporter;
  /** Compiler processes at a time. */
  readonly jobs: number;
  readonly signal: AbortSignal;
};

/**
 * Everything but writing it. Throws INPUT_MISSING (unavailable), LOCK_DRIFT (integrity), GGUF_MALFORMED (integrity), and what the
 * stages throw.
 */
export async function planBuild(input: BuildInput, deps: BuildDeps): Promise<AppliancePlan> {
  const { store, reporter } = deps;
  const recipes = await readLocks(input.imagesFolder);
  const locks = recipes.map(({ lock }) => lock);
  const epoch = Math.max(...locks.map((lock) => lock.epoch));
  await requireInputs(locks, store);

  reporter.step("Read the models");
  const models = await readModels(input.models, deps.signal);

  reporter.step("Bundle the programs");
  const program = await bundleProgram(input.repository, CLI_ENTRY);
  const programs = await bundlePrograms(recipes, input.repository);

  reporter.step("Build the images");
  const images = await buildImages(recipes, { ...input, programs }, deps);

  reporter.step("Take the tools");
  const tools = recipes.filter(({ recipe }) => recipe.kind === "tools");
  const taken = await Promise.all(
    tools.map((tool) => takeTools(tool, { store, unpackDeb: (deb) => unpackDeb(deb, deps) })),
  );

  const npmLock = parseNpmLock(await readFile(join(input.repository, "package-lock.json"), "utf8"));
  const boms = lockBoms(recipes, (recipe) => npmComponents(npmLock, packagesOf(recipe, programs)));
  const ownBom = programBom(npmLock, program.packages, epoch);
  const whole = applianceBom({ images, models, boms, program: ownBom }, epoch);

  return planAppliance({
    version: VERSION,
    variant: "cpu",
    epoch,
    images,
    models,
    files: [
      ...taken.flat(),
      ...programMembers(program.code, programs.get(VERIFIER_ENTRY)?.code ?? ""),
      ...boms.map(({ name, bom }) => bomMember(name, bom)),
      bomMember("cloister", ownBom),
      bomMember("appliance", whole),
      ...(await folderMembers(input.imagesFolder, "provenance/images")),
      ...(await folderMembers(join(input.repository, "compose"), "compose")),
      ...(await folderMembers(join(input.repository, "docs"), "docs", (name) => name.endsWith(".md"))),
    ],
  });
}

async function readLocks(imagesFolder: string) {
  const recipes = await readRecipes(imagesFolder);
  return await Promise.all(recipes.map(({ name }) => readLock(imagesFolder, name)));
}

/** What the recipes ask for, and what the appliance carries besides its command line: by their entries. */
export async function bundlePrograms(
  recipes: readonly { readonly recipe: Recipe }[],
  repository: string,
): Promise<ReadonlyMap<string, BundledProgram>> {
  const asked = recipes.flatMap(({ recipe }) => (recipe.programs ?? []).map(({ entry }) => entry));
  const programs = new Map<string, BundledProgram>();
  for (const entry of new Set([VERIFIER_ENTRY, ...asked]))
    programs.set(entry, await bundleProgram(repository, entry));
  return programs;
}

/** npm packages of which code is in the programs of a recipe, by their folders, sorted. */
export function packagesOf(
  { programs = [] }: Recipe,
  bundled: ReadonlyMap<string, BundledProgram>,
): readonly string[] {
  const folders = programs.flatMap(({ entry }) => bundled.get(entry)?.packages ?? []);
  return [...new Set(folders)].sort(compareCodeUnits);
}

function bomMember(name: string, bom: Bom): ApplianceMember {
  return jsonMember(`SBOM/${name}.cdx.json`, bom.document);
}
