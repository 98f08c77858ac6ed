import { access, constants, mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { writeAppliance } from "../builder/appliance/write.ts";
import { planBuild } from "../builder/build.ts";
import { AppError, isErrno, messageOf } from "../shared/errors.ts";
import { openStore } from "../shared/store/store.ts";
import { VERSION } from "../shared/version.ts";
import { backendsOf, BACKENDS_OPTION, BUILD_JOBS_OPTION, compilerJobs, REPOSITORY } from "./build-options.ts";
import type { Command, CommandContext, CommandInput, Outcome } from "./command.ts";
import { IMAGES_OPTION, imagesFolder, STORE_OPTION, storeRoot } from "./workshop.ts";

export const buildCommand: Command = {
  name: "build",
  side: "workshop",
  summary: "build the appliance, its SBOM and its sums from the locks",
  usage:
    "[--variant cpu] [--model FILE]… [--out FILE] [--backends all|one] [--jobs N] [--store DIR] [--images DIR]",
  options: {
    variant: { type: "string", value: "cpu", help: "cpu, which is all there is yet" },
    model: { type: "string", multiple: true, value: "FILE", help: "a GGUF file to carry; may be repeated" },
    out: {
      type: "string",
      value: "FILE",
      help: `where to write (cloister-${VERSION}-cpu.tar in this folder)`,
    },
    backends: BACKENDS_OPTION,
    jobs: BUILD_JOBS_OPTION,
    store: STORE_OPTION,
    images: IMAGES_OPTION,
  },
  positionals: { minimum: 0, maximum: 0 },
  details: `Takes everything from the store and asks no mirror: run cloister fetch before. The first build compiles llama.cpp without a
network, which takes many minutes; what was compiled is remembered. The same locks, sources and models give the same bytes
anywhere. A file that has them already is left as it is.

Exit codes: 3 a model is no whole GGUF file, or the store is damaged; 5 the disk is full or a program is missing; 6 compiling
failed; 11 the store lacks an input.`,
  run,
};

async function run(input: CommandInput, context: CommandContext): Promise<Outcome> {
  assertVariant(input.text("variant") ?? "cpu");
  const out = resolve(context.cwd, input.text("out") ?? `cloister-${VERSION}-cpu.tar`);
  await assertWritable(out);
  const store = await openStore(storeRoot(input, context));
  const { reporter, signal } = context;
  const deps = { store, reporter, jobs: compilerJobs(input), signal };
  const plan = await planBuild(
    {
      repository: REPOSITORY,
      imagesFolder: imagesFolder(input, context),
      models: input.list("model").map((path) => resolve(context.cwd, path)),
      backends: backendsOf(input),
      ignoreCompiled: false,
    },
    deps,
  );
  reporter.step("Write the appliance");
  const { digest, sizeBytes, how } = await writeAppliance(plan, out, deps);
  return {
    data: { path: out, sha256: digest, sizeBytes, how, files: plan.members.length },
    text: `${out}\n${digest}  ${sizeBytes} bytes, ${plan.members.length} files${how === "kept" ? ", there already" : ""}`,
  };
}

function assertVariant(variant: string): void {
  if (variant === "cpu") return;
  const known = variant === "cuda" ? "it is not there yet" : "there is no such variant";
  throw new AppError(
    { class: "usage", code: "VARIANT_UNKNOWN" },
    `Cannot build the variant "${variant}": ${known}, expected cpu`,
  );
}

/** Before the long part, not after it. Throws OUT_INVALID (usage). */
async function assertWritable(out: string): Promise<void> {
  const folder = dirname(out);
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
    if ((await stat(out)).isFile()) return;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return;
    throw outInvalid(out, messageOf(error), error);
  }
  throw outInvalid(out, "something else is there");
}

function outInvalid(out: string, why: string, cause?: unknown): AppError {
  return new AppError(
    { class: "usage", code: "OUT_INVALID" },
    `Cannot write the appliance to "${out}": ${why}, expected a file in a folder that can be written`,
    { cause, fields: { path: out } },
  );
}
