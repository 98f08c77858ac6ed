/**
 * Which call a streamed fragment of a tool call belongs to. The API says `index`; servers repeat, omit and reuse it, and clients that
 * trust it alone lose or mix up arguments (openai/openai-python 3201 and 3203, agno-agi/agno 8879, continuedev/continue 13235,
 * SamSaffron/term-llm 314, openai/codex 7517). Arguments that went to the wrong call are still in the log: nothing is dropped here.
 */
import type { Part } from "./document.ts";
import { createMerge, type Fields } from "./fields.ts";
import { countAt, objectAt, parseJson, textAt, type JsonObject } from "./json.ts";
import { textOf, type Channel, type Transcript } from "./transcript.ts";

export type ToolCalls = {
  /** The `tool_calls` of one delta. */
  add(fragments: readonly JsonObject[]): void;
  readonly count: number;
  document(): Part;
};

type ToolCall = {
  readonly id: string | undefined;
  readonly index: number | undefined;
  /** It came with an index that another call had already. */
  readonly isDisplaced: boolean;
  readonly name: string;
  readonly fields: Fields;
  readonly functionFields: Fields;
  readonly arguments: Channel;
  readonly at: string;
};

const KEPT_APART: ReadonlySet<string> = new Set(["id", "index", "function"]);
const FUNCTION_KEPT_APART: ReadonlySet<string> = new Set(["name", "arguments"]);

export function createToolCalls(transcript: Transcript, at: string): ToolCalls {
  const merge = createMerge(transcript);
  const calls: ToolCall[] = [];
  let current = -1;

  function addOne(fragment: JsonObject, place: Place): void {
    const body = objectAt(fragment, "function") ?? {};
    const found = find(calls, { fragment, body, place, current });
    const call = calls[found] ?? newCall(fragment);
    current = found < 0 ? calls.length : found;
    const name = nameWith(call, textAt(body, "name"));
    calls[current] = {
      ...call,
      id: call.id ?? textAt(fragment, "id"),
      index:
        call.isDisplaced || call.index === undefined
          ? (countAt(fragment, "index") ?? call.index)
          : call.index,
      isDisplaced: call.isDisplaced && textAt(fragment, "id") !== undefined,
      name,
    };
    if (name !== call.name) transcript.announce(`${call.at}.name`, name.slice(call.name.length));
    merge(call.fields, fragment, { at: call.at, pieces: () => false, skip: KEPT_APART });
    merge(call.functionFields, body, { at: call.at, pieces: () => false, skip: FUNCTION_KEPT_APART });
    const text = body["arguments"];
    if (typeof text === "string") transcript.write(call.arguments, text);
    else if (text !== undefined && text !== null) transcript.write(call.arguments, JSON.stringify(text));
  }

  function newCall(fragment: JsonObject): ToolCall {
    const here = `${at}.${calls.length}`;
    const index = countAt(fragment, "index");
    return {
      id: textAt(fragment, "id"),
      index,
      isDisplaced: index !== undefined && calls.some((call) => call.index === index),
      name: "",
      fields: new Map<string, string>(),
      functionFields: new Map<string, string>(),
      arguments: transcript.text(`${here}.arguments`),
      at: here,
    };
  }

  return {
    add(fragments) {
      for (const [position, fragment] of fragments.entries())
        addOne(fragment, { position, alone: fragments.length === 1 });
    },
    get count() {
      return calls.length;
    },
    document: () => calls.map(callDocument),
  };
}

type Place = { readonly position: number; readonly alone: boolean };

type Search = {
  readonly fragment: JsonObject;
  readonly body: JsonObject;
  readonly place: Place;
  readonly current: number;
};

/** A known id wins; a new id is a new call, whatever its index; without an id the index decides; without both it goes on where it was. */
function find(calls: readonly ToolCall[], { fragment, body, place, current }: Search): number {
  const id = textAt(fragment, "id");
  const index = countAt(fragment, "index");
  const name = textAt(body, "name");
  const atIndex = index === undefined ? -1 : calls.findLastIndex((call) => call.index === index);
  if (id !== undefined) {
    const known = calls.findIndex((call) => call.id === id);
    const isUnnamedYet = calls[atIndex]?.id === undefined && !isSecond(calls[atIndex], name);
    return known < 0 && isUnnamedYet ? atIndex : known;
  }
  const last = calls[current];
  if (atIndex >= 0) return isSecond(calls[atIndex], name) ? -1 : atIndex;
  if (index !== undefined) {
    // The rest of a call whose first fragment had no index, or one that belonged to another call.
    const isItsRest =
      name === undefined && last !== undefined && (last.index === undefined || last.isDisplaced);
    return isItsRest ? current : -1;
  }
  const candidate = place.alone ? current : place.position;
  return isSecond(calls[candidate], name) || calls[candidate] === undefined ? -1 : candidate;
}

/** Some servers repeat the name with each fragment: only behind whole arguments does a name begin another call. */
function isSecond(call: ToolCall | undefined, name: string | undefined): boolean {
  if (call === undefined || name === undefined || call.arguments.bytes.length === 0) return false;
  if (call.name !== "" && call.name !== name) return true;
  const end = call.arguments.bytes.pieces(call.arguments.bytes.length - 1)[0]?.[0];
  return end === CLOSING_BRACE && parseJson(textOf(call.arguments)) !== undefined;
}

const CLOSING_BRACE = 0x7d;

/** Names may come in pieces, or whole again with each fragment. */
function nameWith(call: ToolCall, name: string | undefined): string {
  return name === undefined || name === call.name ? call.name : call.name + name;
}

function callDocument(call: ToolCall): Part {
  const body: Part = new Map<string, Part>([
    ["name", JSON.stringify(call.name)],
    ["arguments", call.arguments],
    ...call.functionFields,
  ]);
  const id: readonly (readonly [string, Part])[] =
    call.id === undefined ? [] : [["id", JSON.stringify(call.id)]];
  return new Map<string, Part>([...id, ...call.fields, ["function", body]]);
}
