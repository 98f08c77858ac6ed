import { describe, expect, test } from "vitest";
import { createBatchReader } from "../../../../src/builder/fetch/source/git-batch.ts";

const A = "a".repeat(40);
const B = "b".repeat(40);
const ANSWER = Buffer.from(`${A} commit 5\nfirst\n${B} blob 0\n\n${A} blob 3\n\n\n\n\n`);

function read(ids: readonly string[], chunks: readonly Uint8Array[]) {
  const reader = createBatchReader(ids);
  const content = Buffer.concat(chunks.flatMap((chunk) => reader.push(chunk)));
  return { content: content.toString(), objects: reader.finish() };
}

describe("createBatchReader", () => {
  test.each([1, 2, 7, 1_000])("finds every object in an answer that comes %i bytes at a time", (step) => {
    const chunks = Array.from({ length: Math.ceil(ANSWER.length / step) }, (_, at) =>
      ANSWER.subarray(at * step, (at + 1) * step),
    );
    expect(read([A, B, A], chunks)).toEqual({
      content: "first\n\n\n",
      objects: [
        { offset: 0, sizeBytes: 5 },
        { offset: 5, sizeBytes: 0 },
        { offset: 5, sizeBytes: 3 },
      ],
    });
  });

  test.each([
    ["cut short in a content", ANSWER.subarray(0, 52), [A, B, A]],
    ["cut short before a content's line end", ANSWER.subarray(0, 55), [A, B, A]],
    ["cut short in a header", ANSWER.subarray(0, 70), [A, B, A]],
    ["with an object too few", ANSWER, [A, B, A, B]],
    ["with an object too many", ANSWER, [A, B]],
    ["with another object", ANSWER, [A, A, A]],
    ["with a missing object", Buffer.from(`${A} missing\n`), [A]],
    ["with a tree", Buffer.from(`${A} tree 0\n\n`), [A]],
    ["with a content longer than it says", Buffer.from(`${A} blob 1\nab\n`), [A]],
    ["with a header that never ends", Buffer.alloc(300, "x"), [A]],
    ["that is empty", Buffer.alloc(0), [A]],
  ])("refuses an answer %s", (_, answer, ids) => {
    expect(() => read(ids, [answer])).toThrow(expect.objectContaining({ code: "GIT_MALFORMED" }));
  });
});
