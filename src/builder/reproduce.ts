/** Builds again what somebody carried here, and compares. */
import { join } from "node:path";
import { hexOf, type Digest } from "../shared/digest.ts";
import { AppError } from "../shared/errors.ts";
import { writeFileWhole } from "../shared/file.ts";
import { withScratch } from "../shared/store/scratch.ts";
import { hashAppliance } from "./appliance/write.ts";
import { planBuild, type BuildDeps, type BuildInput } from "./build.ts";
import { firstDifference, readManifest } from "./compare/appliances.ts";
import type { Carried, Difference } from "./compare/carried.ts";
import { forgetfulStore } from "./compare/forgetful-store.ts";

export type ReproduceInput = Omit<BuildInput, "models" | "ignoreCompiled"> & {
  readonly carried: Carried;
  /** The digest of the tar; undefined where a folder is compared. */
  readonly tar: Digest | undefined;
  /** Takes what the store remembers as compiled instead of compiling it again. */
  readonly reuseCompiled: boolean;
};

export type Reproduced = { readonly members: number; readonly tar: Digest };

/**
 * Recalls nothing that was made before, save compiled files where that is wished. Throws NOT_REPRODUCED (integrity) with the
 * first member that differs, and what planBuild throws.
 */
export async function reproduce(input: ReproduceInput, deps: BuildDeps): Promise<Reproduced> {
  const { carried, reuseCompiled } = input;
  const store = forgetfulStore(deps.store, reuseCompiled ? ["compile"] : []);
  const fresh = { ...deps, store };
  const manifest = await readManifest(carried);
  return await withScratch(deps.store, "reproduce", async (scratch) => {
    const models: string[] = [];
    for (const model of manifest.models) {
      const path = join(scratch, `${hexOf(model.sha256)}.gguf`);
      await writeFileWhole(path, carried.read(model.path));
      models.push(path);
    }
    const plan = await planBuild({ ...input, models, ignoreCompiled: !reuseCompiled }, fresh);
    deps.reporter.step("Compare");
    const difference = await firstDifference(plan, carried, fresh);
    if (difference !== undefined) throw notReproduced(difference);
    const { digest } = await hashAppliance(plan, fresh);
    if (input.tar !== undefined && input.tar !== digest) {
      const what = `${digest}, expected ${input.tar}, with every member equal`;
      throw notReproduced({ member: "the tar itself", what });
    }
    return { members: plan.members.length, tar: digest };
  });
}

function notReproduced({ member, what }: Difference): AppError {
  return new AppError(
    { class: "integrity", code: "NOT_REPRODUCED" },
    `Cannot reproduce the appliance: first of what differs is ${member}: ${what}`,
    {
      fields: { member, what },
      hint: "Compare the locks in provenance/images with your own, and cloister's version",
    },
  );
}
