/** One object of an answer, put together from the objects that a stream sends of it. */
import { isObject, type JsonObject } from "./json.ts";
import type { Channel, Transcript } from "./transcript.ts";

/** JSON text, a channel, or an object that is itself put together. */
export type Fields = Map<string, string | Channel | Fields>;

export type MergeRules = {
  /** Where this object stands in the answer, as in `choices.0`. */
  readonly at: string;
  /** Whose text comes in pieces; any other text replaces what was there. */
  readonly pieces: (key: string) => boolean;
  /** Objects that are merged field by field. */
  readonly inner?: ReadonlySet<string>;
  /** Fields that are merged elsewhere. */
  readonly skip?: ReadonlySet<string>;
};

export type Merge = (fields: Fields, source: JsonObject, rules: MergeRules) => void;

/** Text grows where the rules say so, lists grow always, anything else is as the last event had it; null never takes a value away. */
export function createMerge(transcript: Transcript): Merge {
  function merge(fields: Fields, source: JsonObject, rules: MergeRules): void {
    for (const [key, value] of Object.entries(source)) {
      if (rules.skip?.has(key) === true) continue;
      if (value !== null) mergeOne({ fields, key, value }, rules);
      else if (!fields.has(key)) fields.set(key, "null");
    }
  }

  function mergeOne({ fields, key, value }: Assignment, rules: MergeRules): void {
    const name = `${rules.at}.${key}`;
    const kind = kindOf(key, value, rules);
    const before = fields.get(key);
    if (before !== undefined && typeof before !== "string" && kindBefore(before) !== kind)
      transcript.keepAside({ [name]: value }, "misfit");
    else if (isObject(value) && kind === "inner") {
      const inner = before instanceof Map ? before : new Map<string, string>();
      fields.set(key, inner);
      merge(inner, value, { at: name, pieces: () => false });
    } else if (kind === "text" || kind === "list") {
      const channel = isChannel(before) ? before : transcript[kind](name);
      fields.set(key, channel);
      grow(channel, value);
    } else setPlain({ fields, key, value });
  }

  function grow(channel: Channel, value: unknown): void {
    if (typeof value === "string") transcript.write(channel, value);
    else if (Array.isArray(value)) for (const element of value) transcript.add(channel, element);
  }

  function setPlain({ fields, key, value }: Assignment): void {
    const before = fields.get(key);
    const json = JSON.stringify(value);
    // The same field comes again with every event: only what grows is counted.
    transcript.charge(typeof before === "string" ? Math.max(0, json.length - before.length) : json.length);
    fields.set(key, json);
  }

  return merge;
}

type Assignment = { readonly fields: Fields; readonly key: string; readonly value: unknown };

function kindOf(
  key: string,
  value: unknown,
  { pieces, inner }: MergeRules,
): Channel["kind"] | "inner" | "plain" {
  if (Array.isArray(value)) return "list";
  if (isObject(value) && inner?.has(key) === true) return "inner";
  return typeof value === "string" && pieces(key) ? "text" : "plain";
}

function kindBefore(before: Channel | Fields): Channel["kind"] | "inner" {
  return before instanceof Map ? "inner" : before.kind;
}

function isChannel(before: string | Channel | Fields | undefined): before is Channel {
  return typeof before === "object" && !(before instanceof Map);
}
