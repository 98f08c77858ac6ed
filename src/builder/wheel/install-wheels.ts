/** From locked wheels to the files below one destination. Nothing of a wheel runs, and no pip is asked. */
import { AppError } from "../../shared/errors.ts";
import { byKey } from "../../shared/order.ts";
import type { Reporter } from "../../shared/reporter.ts";
import type { Store } from "../../shared/store/store.ts";
import { createRangeReader } from "../../shared/tar/ranges.ts";
import type { Content } from "../assemble/tree.ts";
import type { LockedWheel } from "../lock/lock.ts";
import type { WheelsRecipe } from "../recipe/recipe.ts";
import { layoutOf } from "./layout.ts";
import { spreadWheel, type InstalledFile, type SpreadWheel } from "./spread-wheel.ts";
import { refuseStray } from "./stray.ts";
import { trimFiles } from "./trim.ts";
import { unpackWheel } from "./unpack-wheel.ts";

export type Installation = {
  readonly wheels: readonly Pick<SpreadWheel, "project" | "info">[];
  /** All but the RECORDs, sorted by path. */
  readonly files: readonly InstalledFile[];
};

/**
 * Throws what unpacking throws, WHEEL_MALFORMED, WHEEL_CONFLICT and WHEEL_STRAY_FILE (integrity), TRIM_UNUSED (usage).
 */
export async function installWheels(
  locked: readonly LockedWheel[],
  recipe: WheelsRecipe,
  deps: { readonly store: Store; readonly reporter: Reporter },
): Promise<Installation> {
  const layout = layoutOf(recipe);
  const spread: SpreadWheel[] = [];
  const ranges = createRangeReader();
  const read = async (content: Content): Promise<Buffer> =>
    Buffer.concat(await Array.fromAsync(ranges.read(deps.store.pathOf(content.blob), content)));
  try {
    for (const wheel of locked) {
      const unpacked = await unpackWheel(wheel, deps);
      spread.push(await spreadWheel({ locked: wheel, unpacked }, layout, read));
      deps.reporter.progress({ label: "Wheels", done: spread.length, total: locked.length, unit: "items" });
    }
  } finally {
    await ranges.close();
  }
  const files = spread.flatMap((one) => one.files);
  refuseConflicts(files);
  const left = trimFiles(files, recipe.trim ?? []);
  refuseStray(left, layout.site);
  return {
    wheels: spread.map(({ project, info }) => ({ project, info })).sort(byKey(({ project }) => project)),
    files: left.toSorted(byKey(({ path }) => path)),
  };
}

/** pip lets the later one win; here nobody does. */
function refuseConflicts(files: readonly InstalledFile[]): void {
  const owners = new Map<string, string>();
  for (const { path, owner } of files) {
    const other = owners.get(path);
    owners.set(path, owner);
    if (other === undefined) continue;
    throw new AppError(
      { class: "integrity", code: "WHEEL_CONFLICT" },
      `Cannot install "${path}" of "${owner}": "${other}" has it too, expected each file in one wheel`,
      { fields: { path, owners: [other, owner] } },
    );
  }
}
