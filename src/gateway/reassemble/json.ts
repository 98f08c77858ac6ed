/** What upstream sends is somebody else's JSON: nothing of it is trusted to have a shape. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Deeper nesting is no answer, and JSON.stringify would run out of stack on it. */
const MAX_DEPTH = 512;

/** undefined where the text is no JSON, or is nested more than 512 levels deep. */
export function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return text.length > 2 * MAX_DEPTH && isDeeper(value, MAX_DEPTH) ? undefined : { value };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function objectAt(object: JsonObject, key: string): JsonObject | undefined {
  const value = object[key];
  return isObject(value) ? value : undefined;
}

/** The objects in the array at `key`; an empty list where there is none. */
export function objectsAt(object: JsonObject, key: string): readonly JsonObject[] {
  const value = object[key];
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** Empty text counts as none: servers write it where they have nothing to say. */
export function textAt(object: JsonObject, key: string): string | undefined {
  const value = object[key];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A whole number from 0 on: an index or a count. */
export function countAt(object: JsonObject, key: string): number | undefined {
  const value = object[key];
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  return Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}
