/** What differs between the lock that is there and the one that its recipe means today. */
import { canonicalJson, type Json } from "../../shared/canonical-json.ts";
import { AppError } from "../../shared/errors.ts";
import { compareCodeUnits } from "../../shared/order.ts";
import type { Lock, LockedPackage } from "./lock.ts";

/** One line a difference, none where the locks are equal: "libc6 2.36-9 -> 2.36-10", "+ zlib1g 1.2.13", "- dash 0.5". */
export function lockDifferences(before: Lock | undefined, after: Lock): readonly string[] {
  if (before === undefined) return ["there is no lock yet"];
  const lines = [
    ...packageDifferences("", before.packages, after.packages),
    ...packageDifferences("compile: ", before.compile?.packages ?? [], after.compile?.packages ?? []),
    ...packageDifferences("wheels: ", wheelsOf(before), wheelsOf(after)),
    ...otherDifferences(before, after),
  ];
  return lines.length === 0 && canonicalJson(before satisfies Json) !== canonicalJson(after satisfies Json)
    ? ["the releases differ"]
    : lines;
}

/** For `lock --check`. */
export function lockStale(
  stale: readonly { readonly name: string; readonly differences: readonly string[] }[],
): AppError {
  const lines = stale.map(({ name, differences }) => `"${name}" (${differences.join("; ")})`);
  const names = stale.map(({ name }) => name).join(" ");
  return new AppError(
    { class: "integrity", code: "LOCK_STALE" },
    `Cannot keep the lock of ${lines.join(", ")}: the recipe means something else today`,
    {
      hint: `Run cloister lock ${names}`,
      fields: { images: names, differences: stale.flatMap((one) => one.differences) },
    },
  );
}

type Listed = Pick<LockedPackage, "name" | "version" | "sha256">;

function wheelsOf({ wheels }: Lock): readonly Listed[] {
  return (wheels?.files ?? []).map((wheel) => ({ ...wheel, name: wheel.project }));
}

function packageDifferences(
  prefix: string,
  before: readonly Listed[],
  after: readonly Listed[],
): readonly string[] {
  const old = new Map(before.map((one) => [one.name, one]));
  const now = new Map(after.map((one) => [one.name, one]));
  const names = [...new Set([...old.keys(), ...now.keys()])].sort(compareCodeUnits);
  return names.flatMap((name) => {
    const line = packageDifference(old.get(name), now.get(name));
    return line === undefined ? [] : [`${prefix}${line}`];
  });
}

function packageDifference(old: Listed | undefined, now: Listed | undefined): string | undefined {
  if (now === undefined) return old === undefined ? undefined : `- ${old.name} ${old.version}`;
  if (old === undefined) return `+ ${now.name} ${now.version}`;
  if (old.version !== now.version) return `${now.name} ${old.version} -> ${now.version}`;
  if (old.sha256 !== now.sha256) return `${now.name} ${now.version}: ${old.sha256} -> ${now.sha256}`;
  return canonicalJson(old satisfies Json) === canonicalJson(now satisfies Json)
    ? undefined
    : `${now.name} ${now.version}: its entry`;
}

function otherDifferences(before: Lock, after: Lock): readonly string[] {
  const parts: readonly (readonly [string, Json | undefined, Json | undefined])[] = [
    ["the recipe", before.recipe, after.recipe],
    ["the base", before.base, after.base],
    ["the omitted packages", before.omitted, after.omitted],
    ["compile: the omitted packages", before.compile?.omitted, after.compile?.omitted],
    ["the source", before.compile?.source, after.compile?.source],
    ["the npm packages", before.npm, after.npm],
    ["wheels: Python", before.wheels?.python, after.wheels?.python],
    ["wheels: the omitted packages", before.wheels?.omitted, after.wheels?.omitted],
  ];
  return parts
    .filter(([, old, now]) => canonicalJson(old ?? null) !== canonicalJson(now ?? null))
    .map(([name]) => name);
}
