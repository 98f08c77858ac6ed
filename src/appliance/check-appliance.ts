/** Is it what was built, whole and alone? Everything is looked at before anything is said. */
import { parseApplianceManifest, type ApplianceManifest } from "../shared/appliance/manifest.ts";
import { digestOf, type Digest } from "../shared/digest.ts";
import { AppError } from "../shared/errors.ts";
import { hashRange } from "../shared/hash-file.ts";
import { compareCodeUnits } from "../shared/order.ts";
import { parseRelativePath, type RelativePath } from "../shared/relative-path.ts";
import type { Reporter } from "../shared/reporter.ts";
import { layoutFaults } from "./layout.ts";
import { readText, type Appliance } from "./open-appliance.ts";
import { isListed, parseSums, SUMS } from "./sums.ts";

export type CheckedAppliance = {
  readonly manifest: ApplianceManifest;
  readonly sums: ReadonlyMap<RelativePath, Digest>;
  /** Of appliance.json: with SHA256SUMS over it, it names the whole. */
  readonly manifestDigest: Digest;
  readonly files: number;
  readonly sizeBytes: number;
};

type CheckDeps = { readonly reporter: Reporter; readonly signal: AbortSignal };

const MANIFEST = parseRelativePath("appliance.json");

/** Reads appliance.json and SHA256SUMS and holds them against one another, hashing nothing else. Throws as checkAppliance does. */
export async function readPromises(appliance: Appliance): Promise<CheckedAppliance> {
  for (const path of [MANIFEST, SUMS])
    if (appliance.file(path) === undefined) throw notIntact(appliance, [`"${path}" is missing`]);
  const text = await readText(appliance, MANIFEST);
  const sums = parseSums(await readText(appliance, SUMS));
  const listed = appliance.entries.filter(({ path }) => isListed(path));
  return {
    manifest: parseApplianceManifest(text, MANIFEST),
    sums,
    manifestDigest: digestOf(text),
    files: listed.length,
    sizeBytes: listed.reduce((sum, file) => sum + file.sizeBytes, 0),
  };
}

/**
 * Throws AppError of class integrity: APPLIANCE_NOT_INTACT with every missing, extra and differing file and every
 * contradiction, SUMS_MALFORMED, APPLIANCE_INVALID.
 */
export async function checkAppliance(appliance: Appliance, deps: CheckDeps): Promise<CheckedAppliance> {
  const checked = await readPromises(appliance);
  const faults = [...strangers(appliance, checked), ...(await differing(appliance, checked, deps))];
  if (faults.length === 0) faults.push(...(await layoutFaults(appliance, checked)));
  if (faults.length > 0) throw notIntact(appliance, faults);
  return checked;
}

/** All that can be known without hashing: missing and extra files, contradictions, and appliance.json's own sum. Throws APPLIANCE_NOT_INTACT. */
export async function assertPromised(appliance: Appliance, checked: CheckedAppliance): Promise<void> {
  const faults = [...strangers(appliance, checked)];
  const expected = checked.sums.get(MANIFEST);
  if (expected !== undefined && expected !== checked.manifestDigest)
    faults.push(`"${MANIFEST}" has ${checked.manifestDigest}, expected ${expected}`);
  if (faults.length === 0) faults.push(...(await layoutFaults(appliance, checked)));
  if (faults.length > 0) throw notIntact(appliance, faults);
}

/** Missing and extra files. */
function strangers(appliance: Appliance, { sums }: CheckedAppliance): readonly string[] {
  const missing = [...sums.keys()]
    .filter((path) => appliance.file(path) === undefined)
    .sort(compareCodeUnits);
  const extra = appliance.entries.filter(({ path }) => isListed(path) && !sums.has(path));
  return [
    ...missing.map((path) => `"${path}" is missing`),
    ...extra.map(({ path }) => `"${path}" is not in ${SUMS}`),
  ];
}

async function differing(
  appliance: Appliance,
  checked: CheckedAppliance,
  { reporter, signal }: CheckDeps,
): Promise<readonly string[]> {
  const faults: string[] = [];
  let done = 0;
  const onBytes = (bytes: number): void => {
    done += bytes;
    reporter.progress({ label: "checked", done, total: checked.sizeBytes, unit: "bytes" });
  };
  for (const file of appliance.entries) {
    const expected = checked.sums.get(file.path);
    if (expected === undefined) continue;
    const { hostPath, offset } = file.location;
    const { digest } = await hashRange(hostPath, { offset, sizeBytes: file.sizeBytes }, { signal, onBytes });
    if (digest !== expected) faults.push(`"${file.path}" has ${digest}, expected ${expected}`);
  }
  return faults;
}

export function notIntact(appliance: Appliance, faults: readonly string[]): AppError {
  const more = faults.length > 8 ? `; and ${faults.length - 8} more` : "";
  return new AppError(
    { class: "integrity", code: "APPLIANCE_NOT_INTACT" },
    `Cannot trust the appliance "${appliance.path}": ${faults.slice(0, 8).join("; ")}${more}`,
    {
      fields: { path: appliance.path, faults },
      hint: "Carry it again from where it was built, and compare the sum of the whole file",
    },
  );
}
