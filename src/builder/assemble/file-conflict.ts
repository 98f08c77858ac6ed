import { AppError } from "../../shared/errors.ts";
import type { Entry } from "./root-builder.ts";

export function fileConflict(entry: Entry, existing: Entry): AppError {
  const { path } = entry;
  return new AppError(
    { class: "integrity", code: "FILE_CONFLICT" },
    `Cannot place "/${path}" of ${ownerName(entry)}: ${ownerName(existing)} has "/${existing.path}" as ${describe(existing)}, expected nothing there or ${describe(entry)}`,
    { fields: { path, owners: [ownerName(existing), ownerName(entry)] } },
  );
}

function ownerName({ owner }: Entry): string {
  if (owner === undefined) return "the layer below";
  return owner === "" ? "cloister" : owner;
}

function describe(entry: Entry): string {
  const metadata = `${entry.mode.toString(8)} ${entry.uid}:${entry.gid}`;
  switch (entry.kind) {
    case "directory":
      return `a directory ${metadata}`;
    case "symlink":
      return `a symlink to "${entry.target}"`;
    case "file":
      return `a file of ${entry.content.sizeBytes} bytes ${metadata}`;
  }
}
