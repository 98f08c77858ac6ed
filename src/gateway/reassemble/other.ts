/** A stream whose API this program does not know: its events, as they came. */
import type { Format } from "./format.ts";
import type { Transcript } from "./transcript.ts";

export function createOther(transcript: Transcript): Format {
  const events = transcript.list("events");
  return {
    read({ data }) {
      transcript.add(events, data);
      return false;
    },
    document: () => new Map([["events", events]]),
  };
}
