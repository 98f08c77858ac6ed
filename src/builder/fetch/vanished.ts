import { AppError } from "../../shared/errors.ts";
import { compareCodeUnits } from "../../shared/order.ts";
import type { WantedFile } from "./inputs.ts";

/** A mirror keeps only the newest version of a package; a lock outlives that. */
export function inputsVanished(vanished: readonly WantedFile[]): AppError {
  const lines = vanished.map(({ file, label }) => `${label} (${file.sha256})`);
  const images = [...new Set(vanished.flatMap((one) => one.images))].sort(compareCodeUnits).join(" ");
  const what = vanished.length === 1 ? "an input" : `${vanished.length} inputs`;
  return new AppError(
    { class: "unavailable", code: "INPUT_VANISHED" },
    `Cannot fetch ${what}: the mirrors no longer have ${lines.join(", ")}`,
    {
      hint: `Take what the mirrors have now: cloister lock ${images}. Or put the files, under any name, into a folder: cloister fetch --from DIR`,
      fields: { inputs: lines, images },
    },
  );
}
