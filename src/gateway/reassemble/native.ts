/** llama-server's own /completion and /infill: each prompt of a request has an index and ends with `"stop":true`. */
import type { Part } from "./document.ts";
import { createMerge, type Fields } from "./fields.ts";
import type { Format } from "./format.ts";
import { countAt } from "./json.ts";
import type { Transcript } from "./transcript.ts";

const PROGRESS: ReadonlySet<string> = new Set(["prompt_progress"]);

export function createNative(transcript: Transcript): Format {
  const merge = createMerge(transcript);
  const answers = new Map<number, Fields>();

  function answerAt(index: number): Fields {
    const known = answers.get(index);
    if (known !== undefined) return known;
    const answer: Fields = new Map<string, string>();
    answers.set(index, answer);
    return answer;
  }

  return {
    read({ data }) {
      const index = countAt(data, "index") ?? 0;
      merge(answerAt(index), data, { at: String(index), pieces: (key) => key === "content", skip: PROGRESS });
      return data["stop"] === true;
    },
    document() {
      const listed = Array.from(answers).sort(([a], [b]) => a - b);
      const [first, ...others] = listed.map(([, answer]): ReadonlyMap<string, Part> => answer);
      if (first === undefined) return new Map<string, Part>();
      return others.length === 0 ? first : [first, ...others];
    },
  };
}
