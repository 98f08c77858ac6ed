import { AppError } from "../shared/errors.ts";
import type { Store } from "../shared/store/store.ts";
import { wantedInputs } from "./fetch/inputs.ts";
import type { Lock } from "./lock/lock.ts";

const NAMED_IN_MESSAGE = 5;

/** A build asks no mirror: throws INPUT_MISSING (unavailable) where the store lacks anything that the locks name. */
export async function requireInputs(locks: readonly Lock[], store: Store): Promise<void> {
  const { files, sources } = wantedInputs(locks);
  const wanted = [
    ...files.map(({ file, label }) => ({ label, digest: file.sha256 })),
    ...sources.map(({ source }) => ({ label: `source ${source.purl}`, digest: source.tar.sha256 })),
  ];
  const missing: string[] = [];
  for (const { label, digest } of wanted)
    if (!(await store.has(digest))) missing.push(`${label} (${digest})`);
  if (missing.length === 0) return;
  const shown = missing.slice(0, NAMED_IN_MESSAGE);
  const more = missing.length > shown.length ? ` and ${missing.length - shown.length} more` : "";
  throw new AppError(
    { class: "unavailable", code: "INPUT_MISSING" },
    `Cannot build from "${store.root}": it lacks ${shown.join(", ")}${more}`,
    { hint: "Run cloister fetch", fields: { missing } },
  );
}
