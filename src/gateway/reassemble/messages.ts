/** Anthropic's Messages API: a message's head, content blocks by index, and what is known only at the end. */
import type { Part } from "./document.ts";
import { createMerge, type Fields } from "./fields.ts";
import type { Format } from "./format.ts";
import { countAt, objectAt, parseJson, textAt, type JsonObject } from "./json.ts";
import { textOf, type Transcript } from "./transcript.ts";

type Block = { readonly at: string; readonly fields: Fields };

const USAGE: ReadonlySet<string> = new Set(["usage"]);
const HEAD_APART: ReadonlySet<string> = new Set(["content"]);
const DELTA_APART: ReadonlySet<string> = new Set(["type"]);
const WHOLE: ReadonlySet<string> = new Set(["type", "id", "name", "tool_use_id"]);
const INPUT_PIECES = "partial_json";

export function createMessages(transcript: Transcript): Format {
  const merge = createMerge(transcript);
  const head: Fields = new Map<string, string>();
  const blocks: Block[] = [];
  const byIndex = new Map<number, Block>();

  function openBlock(index: number | undefined): Block {
    const block: Block = { at: `content.${blocks.length}`, fields: new Map<string, string>() };
    blocks.push(block);
    // A block on an index that is taken is one more block: llama-server counts its text block late.
    if (index !== undefined) byIndex.set(index, block);
    transcript.charge(BLOCK_BYTES);
    return block;
  }

  function start(data: JsonObject): void {
    const source = objectAt(data, "content_block") ?? {};
    const { at, fields } = openBlock(countAt(data, "index"));
    const name = textAt(source, "name");
    if (name !== undefined) transcript.announce(`${at}.name`, name);
    merge(fields, source, { at, pieces: isPieces });
  }

  function grow(data: JsonObject): void {
    const index = countAt(data, "index");
    const block = (index === undefined ? blocks.at(-1) : byIndex.get(index)) ?? openBlock(index);
    const { citation, ...delta } = objectAt(data, "delta") ?? {};
    merge(block.fields, delta, { at: block.at, pieces: isPieces, skip: DELTA_APART });
    if (citation !== undefined)
      merge(block.fields, { citations: [citation] }, { at: block.at, pieces: isPieces });
  }

  function end(data: JsonObject): void {
    merge(head, objectAt(data, "delta") ?? {}, { at: "head", pieces: () => false });
    const usage = objectAt(data, "usage");
    if (usage !== undefined) merge(head, { usage }, { at: "head", pieces: () => false, inner: USAGE });
  }

  return {
    read({ type, data }) {
      if (type === "message_start")
        merge(head, objectAt(data, "message") ?? {}, {
          at: "head",
          pieces: () => false,
          inner: USAGE,
          skip: HEAD_APART,
        });
      if (type === "content_block_start") start(data);
      if (type === "content_block_delta") grow(data);
      if (type === "message_delta") end(data);
      return type === "message_stop";
    },
    document: () =>
      new Map<string, Part>([...head, ["content", blocks.map((block) => blockDocument(block, transcript))]]),
  };
}

const BLOCK_BYTES = 512;

function isPieces(key: string): boolean {
  return !WHOLE.has(key);
}

function blockDocument({ fields }: Block, transcript: Transcript): Part {
  const pieces = fields.get(INPUT_PIECES);
  if (typeof pieces !== "object" || pieces instanceof Map || pieces.kind !== "text") return fields;
  const document = new Map<string, Part>(fields);
  // What the block began with is an empty object, and stays so for a tool that takes nothing.
  const input = textOf(pieces) || "{}";
  if (parseJson(input) === undefined) transcript.fault("not-json");
  else {
    document.delete(INPUT_PIECES);
    document.set("input", input);
  }
  return document;
}
