/** What each API's way to stream has in common for whoever reads the stream. */
import type { Part } from "./document.ts";
import type { JsonObject } from "./json.ts";

type StreamEvent = {
  /** The `type` in the data, or else the event's name. */
  readonly type: string;
  readonly data: JsonObject;
};

export type Format = {
  /** Takes one event in; true where the API ends an answer with it. */
  read(event: StreamEvent): boolean;
  /** The answer so far, as the API answers when nobody asks it to stream. */
  document(): ReadonlyMap<string, Part> | readonly Part[];
};
