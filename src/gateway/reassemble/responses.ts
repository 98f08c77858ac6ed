/**
 * The Responses API. Its last event carries the whole answer: that is what is kept, and what came before is held against it.
 * llama-server's events name their item by `item_id` alone; others by `output_index`, some by neither (langchain-ai/langchainjs 9868).
 */
import type { Part } from "./document.ts";
import { createMerge, type Fields } from "./fields.ts";
import type { Format } from "./format.ts";
import { countAt, objectAt, objectsAt, textAt, type JsonObject } from "./json.ts";
import { isIn, itemDocument, placeOf, textsIn, wholeTextOf, type Item } from "./response-items.ts";
import { textOf, type Transcript } from "./transcript.ts";

const TERMINAL = new Set(["completed", "failed", "incomplete", "cancelled"].map((end) => `response.${end}`));
const TEXT_EVENT = /^response\.(.+)\.(delta|done)$/;
const OUTPUT: ReadonlySet<string> = new Set(["output"]);

export function createResponses(transcript: Transcript): Format {
  const merge = createMerge(transcript);
  const head: Fields = new Map<string, string>();
  const items: Item[] = [];
  let final: ReadonlyMap<string, Part> | undefined;

  /** The item that an event is about: by its id, else by its place, else the one that came last. */
  function itemOf(data: JsonObject, source: JsonObject): Item {
    const id = textAt(data, "item_id") ?? textAt(source, "id");
    const outputIndex = countAt(data, "output_index");
    const byId = id === undefined ? undefined : items.findLast((item) => item.id === id);
    const byPlace = items.findLast((item) => item.outputIndex === outputIndex);
    const found = byId ?? (outputIndex !== undefined ? byPlace : id === undefined ? items.at(-1) : undefined);
    return found ?? openItem(data, source);
  }

  function openItem(data: JsonObject, source: JsonObject): Item {
    const item: Item = {
      id: textAt(source, "id") ?? textAt(data, "item_id"),
      outputIndex: countAt(data, "output_index"),
      position: items.length,
      source,
      texts: new Map(),
    };
    items.push(item);
    transcript.charge(JSON.stringify(source).length + ITEM_BYTES);
    const name = textAt(source, "name");
    if (name !== undefined) transcript.announce(`output.${item.position}.name`, name);
    return item;
  }

  function grow(what: string, data: JsonObject): void {
    const { delta } = data;
    if (typeof delta === "string") writeTo({ what, data, text: delta });
    else transcript.keepAside(data, "misfit");
  }

  function writeTo({
    what,
    data,
    text,
  }: {
    readonly what: string;
    readonly data: JsonObject;
    readonly text: string;
  }): void {
    const item = itemOf(data, {});
    const place = placeOf(what, data);
    const channel =
      item.texts.get(place.path)?.channel ?? transcript.text(`output.${item.position}.${place.path}`);
    items[item.position] = { ...item, texts: new Map(item.texts).set(place.path, { place, channel }) };
    transcript.write(channel, text);
  }

  /** A text's own end: it carries the text again, or for the first time. */
  function endText(what: string, data: JsonObject): void {
    const whole = wholeTextOf(what, data);
    const channel = itemOf(data, {}).texts.get(placeOf(what, data).path)?.channel;
    if (whole === undefined) return;
    if (channel === undefined) writeTo({ what, data, text: whole });
    else if (textOf(channel) !== whole) transcript.keepAside({ [channel.name]: whole }, "deltas-differ");
  }

  function closeItem(data: JsonObject): void {
    const source = objectAt(data, "item") ?? {};
    const item = itemOf(data, source);
    compare(item, source);
    transcript.charge(JSON.stringify(source).length);
    items[item.position] = { ...item, source, texts: new Map() };
  }

  /** What was streamed and is not in the whole item was shown to somebody: it is kept beside it. */
  function compare(item: Item, whole: JsonObject | undefined): void {
    for (const text of item.texts.values())
      if (!isIn(whole, text))
        transcript.keepAside({ [text.channel.name]: textOf(text.channel) }, "deltas-differ");
  }

  function close(response: JsonObject): void {
    const output = objectsAt(response, "output");
    for (const item of items) {
      const whole =
        output.find((one) => item.id !== undefined && one["id"] === item.id) ??
        output[item.outputIndex ?? item.position];
      compare(item, whole);
      // A closed item has no texts of its own left: it is compared as a whole.
      if (item.texts.size === 0 && textsIn(item.source) !== textsIn(whole ?? {}))
        transcript.keepAside({ [`output.${item.position}`]: item.source }, "deltas-differ");
    }
    items.length = 0;
    const fields = Object.entries(response).map(([key, value]) => [key, JSON.stringify(value)] as const);
    transcript.charge(fields.reduce((sum, [, json]) => sum + json.length, 0));
    final = new Map<string, Part>(fields);
  }

  return {
    read({ type, data }) {
      const response = objectAt(data, "response");
      const [, what, step] = TEXT_EVENT.exec(type) ?? [];
      if (TERMINAL.has(type)) close(response ?? {});
      else if (type === "response.output_item.added") openItem(data, objectAt(data, "item") ?? {});
      else if (type === "response.output_item.done") closeItem(data);
      else if (what !== undefined && step === "delta") grow(what, data);
      else if (what !== undefined) endText(what, data);
      else if (response !== undefined)
        merge(head, response, { at: "head", pieces: () => false, skip: OUTPUT });
      return TERMINAL.has(type);
    },
    document: () => final ?? new Map<string, Part>([...head, ["output", items.map(itemDocument)]]),
  };
}

const ITEM_BYTES = 512;
