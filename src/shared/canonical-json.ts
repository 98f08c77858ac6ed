import { compareCodeUnits } from "./order.ts";

/** Plain JSON data, readonly throughout. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

/** Keys sorted by code unit, no insignificant white space: the form that is hashed. Throws on numbers that are not safe integers. */
export function canonicalJson(value: Json): string {
  return JSON.stringify(sorted(value));
}

/** Keys sorted by code unit, two spaces, a final newline: the form that people read. */
export function readableJson(value: Json): string {
  return `${JSON.stringify(sorted(value), undefined, 2)}\n`;
}

function sorted(value: Json): Json {
  if (typeof value === "number" && !Number.isSafeInteger(value))
    throw new Error(`Not a safe integer: ${value}`);
  if (value === null || typeof value !== "object") return value;
  if (isArray(value)) return value.map(sorted);
  const entries = Object.entries(value).flatMap(([key, item]) =>
    item === undefined ? [] : [[key, sorted(item)] as const],
  );
  return Object.fromEntries(entries.sort(([a], [b]) => compareCodeUnits(a, b)));
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
