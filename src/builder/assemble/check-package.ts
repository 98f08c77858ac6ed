import { digestOf } from "../../shared/digest.ts";
import { AppError } from "../../shared/errors.ts";
import { fieldOf } from "../lock/debian/control.ts";
import type { BoundScript, LockedPackage } from "../lock/lock.ts";
import { scriptsIn } from "./scripts.ts";
import type { UnpackedDeb } from "./unpack-deb.ts";

/**
 * The .deb is the package that the lock says, with the maintainer scripts that the lock binds, byte for byte. Throws AppError
 * PACKAGE_MISMATCH, SCRIPT_UNBOUND and SCRIPT_CHANGED (integrity).
 */
export function checkPackage(locked: LockedPackage, { control, controlFiles }: UnpackedDeb): void {
  for (const field of ["Package", "Version", "Architecture"] as const) {
    const received = fieldOf(control, field);
    const expected = { Package: locked.name, Version: locked.version, Architecture: locked.architecture }[
      field
    ];
    if (received !== expected) throw mismatch(locked, { field, received: received ?? "", expected });
  }
  const scripts = scriptsIn(controlFiles);
  for (const [name, bytes] of scripts) {
    const bound = locked.scripts.find((script) => script.name === name);
    if (bound === undefined) throw unbound(locked, name, digestOf(bytes));
    if (bound.sha256 !== digestOf(bytes)) throw changed(locked, bound, digestOf(bytes));
  }
  for (const bound of locked.scripts)
    if (!scripts.has(bound.name)) throw changed(locked, bound, "no such script");
}

function mismatch(
  locked: LockedPackage,
  {
    field,
    received,
    expected,
  }: { readonly field: string; readonly received: string; readonly expected: string },
): AppError {
  return new AppError(
    { class: "integrity", code: "PACKAGE_MISMATCH" },
    `Cannot use "${locked.path}": its ${field} is "${received}", expected "${expected}" as in the lock`,
    { hint: "Write the lock anew with cloister lock", fields: { package: locked.name, received, expected } },
  );
}

function unbound(locked: LockedPackage, script: string, sha256: string): AppError {
  return new AppError(
    { class: "integrity", code: "SCRIPT_UNBOUND" },
    `Cannot use package "${locked.name}" ${locked.version}: its ${script} ${sha256} is not in the lock`,
    {
      hint: "Write the lock anew with cloister lock, which asks for a decision on every script",
      fields: { package: locked.name, script, received: sha256 },
    },
  );
}

function changed(locked: LockedPackage, bound: BoundScript, received: string): AppError {
  const { name: script, sha256: expected } = bound;
  return new AppError(
    { class: "integrity", code: "SCRIPT_CHANGED" },
    `Cannot use package "${locked.name}" ${locked.version}: its ${script} is ${received}, expected ${expected} as in the lock`,
    {
      hint: "Write the lock anew with cloister lock, which asks for a decision on every script",
      fields: { package: locked.name, script, received, expected },
    },
  );
}
