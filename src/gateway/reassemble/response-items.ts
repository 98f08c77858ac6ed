/** One item of a Responses API answer while it is streamed: what its events said of it, and its texts. */
import type { Part } from "./document.ts";
import { countAt, objectsAt, textAt, type JsonObject } from "./json.ts";
import { textOf, type Channel } from "./transcript.ts";

export type Item = {
  readonly id: string | undefined;
  readonly outputIndex: number | undefined;
  readonly position: number;
  /** As its events had it, without the texts below; all of it once it is closed. */
  readonly source: JsonObject;
  readonly texts: ReadonlyMap<string, Text>;
};

export type Text = { readonly place: Place; readonly channel: Channel };

/** A field of the item, or of an element of one of its lists. */
export type Place = {
  readonly path: string;
  readonly field: string;
  readonly list?: { readonly name: "content" | "summary"; readonly index: number; readonly type: string };
};

type Element = { readonly list: "content" | "summary"; readonly type: string; readonly field: string };

/** The middle of an event's type, as in `response.output_text.delta`, and where in the item its text stands. */
const ELEMENTS: ReadonlyMap<string, Element> = new Map<string, Element>([
  ["output_text", { list: "content", type: "output_text", field: "text" }],
  ["refusal", { list: "content", type: "refusal", field: "refusal" }],
  ["reasoning_text", { list: "content", type: "reasoning_text", field: "text" }],
  ["reasoning_summary_text", { list: "summary", type: "summary_text", field: "text" }],
]);
const FIELDS: ReadonlyMap<string, string> = new Map([
  ["function_call_arguments", "arguments"],
  ["mcp_call_arguments", "arguments"],
  ["custom_tool_call_input", "input"],
  ["code_interpreter_call_code", "code"],
]);

/** Where the whole text of a `done` event stands in it; undefined where the event carries none. */
export function wholeTextOf(what: string, data: JsonObject): string | undefined {
  const field = ELEMENTS.get(what)?.field ?? FIELDS.get(what);
  return field === undefined ? undefined : textAt(data, field);
}

export function placeOf(what: string, data: JsonObject): Place {
  const element = ELEMENTS.get(what);
  if (element === undefined) {
    const field = FIELDS.get(what) ?? what;
    return { path: field, field };
  }
  const { list: name, type, field } = element;
  const index = countAt(data, name === "content" ? "content_index" : "summary_index") ?? 0;
  return { path: `${name}.${index}.${field}`, field, list: { name, index, type } };
}

/** Everything in a whole item that can also come as deltas. */
export function textsIn(item: JsonObject): string {
  const elements = [...objectsAt(item, "content"), ...objectsAt(item, "summary")];
  return JSON.stringify([
    elements.flatMap((element) => [textAt(element, "text"), textAt(element, "refusal")]),
    Array.from(FIELDS.values(), (field) => textAt(item, field)),
  ]);
}

export function isIn(whole: JsonObject | undefined, { place, channel }: Text): boolean {
  const { list, field } = place;
  const holder = list === undefined ? whole : whole && objectsAt(whole, list.name)[list.index];
  const text = holder?.[field];
  return textOf(channel) === (typeof text === "string" ? text : "");
}

export function itemDocument({ source, texts }: Item): Part {
  const document = new Map<string, Part>(
    Object.entries(source).map(([key, value]) => [key, JSON.stringify(value)]),
  );
  for (const { place, channel } of texts.values())
    if (place.list === undefined) document.set(place.field, channel);
  for (const name of ["content", "summary"] as const) {
    const elements = Array.from(texts.values()).filter(({ place }) => place.list?.name === name);
    if (elements.length > 0) document.set(name, elements.map(elementDocument));
  }
  return document;
}

function elementDocument({ place, channel }: Text): Part {
  return new Map<string, Part>([
    ["type", JSON.stringify(place.list?.type)],
    [place.field, channel],
  ]);
}
