import { parseApplianceManifest, type ApplianceManifest } from "../../shared/appliance/manifest.ts";
import { hexOf, type Digest } from "../../shared/digest.ts";
import { AppError } from "../../shared/errors.ts";
import { hashChunks } from "../../shared/hash-file.ts";
import type { Store } from "../../shared/store/store.ts";
import type { AppliancePlan } from "../appliance/plan.ts";
import type { Carried, Difference } from "./carried.ts";
import { layerDifference } from "./layers.ts";

const MANIFEST = "appliance.json";
const SUMS = "SHA256SUMS";

/** Signs the rest, and is the one thing that two builds need not share. */
const SIGNATURES = "signatures/";

export async function readManifest(carried: Carried): Promise<ApplianceManifest> {
  if (!carried.entries.some(({ path }) => path === MANIFEST)) {
    throw new AppError(
      { class: "integrity", code: "APPLIANCE_INVALID" },
      `Cannot read the appliance: it has no "${MANIFEST}"`,
    );
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of carried.read(MANIFEST)) chunks.push(chunk);
  return parseApplianceManifest(Buffer.concat(chunks).toString("utf8"), MANIFEST);
}

/**
 * What was built here against what was carried here. A layer comes first, with the entry that differs in it, because all else
 * follows from it; the two files that list the others come last. undefined where every member is equal.
 */
export async function firstDifference(
  plan: AppliancePlan,
  carried: Carried,
  deps: { readonly store: Store },
): Promise<Difference | undefined> {
  const expected = await digestsOf(carried);
  return (await firstLayerDifference(plan, carried, deps)) ?? firstMemberDifference(plan, expected);
}

function firstMemberDifference(
  plan: AppliancePlan,
  expected: ReadonlyMap<string, Digest>,
): Difference | undefined {
  const built = new Map<string, Digest>(plan.members.map(({ path, digest }) => [path, digest]));
  const paths = [...new Set([...built.keys(), ...expected.keys()])];
  const lists = [SUMS, MANIFEST];
  const ordered = [...paths.filter((path) => !lists.includes(path)), ...lists];
  for (const member of ordered) {
    const [here, there] = [built.get(member), expected.get(member)];
    if (here === there) continue;
    if (here === undefined) return { member, what: "only in the appliance, not built here" };
    if (there === undefined) return { member, what: "built here, not in the appliance" };
    return { member, what: `built as ${here}, expected ${there}` };
  }
  return undefined;
}

async function firstLayerDifference(
  plan: AppliancePlan,
  carried: Carried,
  deps: { readonly store: Store },
): Promise<Difference | undefined> {
  const [built, expected] = [manifestOf(plan), await readManifest(carried)];
  for (const image of expected.images) {
    const same = built.images.find(({ name }) => name === image.name);
    for (const [index, diffId] of image.diffIds.entries()) {
      const ours = same?.diffIds[index];
      if (ours === undefined || ours === diffId) continue;
      const member = `images/blobs/sha256/${hexOf(diffId)}`;
      if (!carried.entries.some(({ path }) => path === member))
        return { member, what: "missing in the appliance" };
      const kept = await deps.store.add(carried.read(member));
      const what = await layerDifference(kept.digest, ours, deps);
      return { member: `${member} (layer ${index + 1} of ${image.name})`, what };
    }
  }
  return undefined;
}

function manifestOf(plan: AppliancePlan): ApplianceManifest {
  const source = plan.members.find(({ path }) => path === MANIFEST)?.source;
  if (source?.kind !== "bytes") throw new Error(`A plan holds ${MANIFEST} as bytes`);
  return parseApplianceManifest(Buffer.from(source.bytes).toString("utf8"), MANIFEST);
}

async function digestsOf(carried: Carried): Promise<ReadonlyMap<string, Digest>> {
  const digests = new Map<string, Digest>();
  for (const { path } of carried.entries) {
    if (path.startsWith(SIGNATURES)) continue;
    digests.set(path, (await hashChunks(carried.read(path))).digest);
  }
  return digests;
}
