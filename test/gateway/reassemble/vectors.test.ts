import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createReassembly, type Assembled } from "../../../src/gateway/reassemble/reassembly.ts";
import { contentOf } from "./assemble.ts";

function assembleBody(body: string, borders: readonly number[] = []): Assembled {
  const reassembly = createReassembly("embeddings", "application/json; charset=utf-8");
  const bytes = Buffer.from(body);
  const cuts = [0, ...borders.map((border) => border % (bytes.length + 1)), bytes.length].sort(
    (a, b) => a - b,
  );
  for (const [index, cut] of cuts.entries())
    reassembly.push(bytes.subarray(cut, cuts[index + 1] ?? bytes.length));
  return reassembly.finish();
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const body = (vector: string) =>
  `{"model":"demo","object":"list","usage":{"prompt_tokens":4,"total_tokens":4},"data":[{"embedding": ${vector} ,"index":0,"object":"embedding"}]}`;
const VECTOR = "[0.0, 0.7071067690849304,\n-1e-05]";

test("a vector gives way to its length and the hash of its text as it was sent", () => {
  const assembled = assembleBody(body(VECTOR));
  expect(Buffer.concat(assembled.content).toString()).toBe(
    body(`{"dimensions":3,"sha256":"${sha256(VECTOR)}"}`),
  );
  expect(assembled).toMatchObject({ usage: { input: 4, output: 0 }, model: "demo", faults: [] });
  expect(assembled.raw.sha256).toBe(sha256(body(VECTOR)));
});

test("base64, llama-server's own form and an empty vector", () => {
  const base64 = JSON.stringify(Buffer.from(new Float32Array(5).buffer).toString("base64"));
  expect(
    contentOf(
      assembleBody(`[{"index":0,"embedding":${base64}},{"embedding":[[1,2],[3,4]]},{"embedding":[ ]}]`),
    ),
  ).toEqual([
    { index: 0, embedding: { dimensions: 5, sha256: sha256(base64) } },
    { embedding: { dimensions: 4, sha256: sha256("[[1,2],[3,4]]") } },
    { embedding: { dimensions: 0, sha256: sha256("[ ]") } },
  ]);
});

test.each([
  String.raw`{"object":"embedding","x\"embedding":[1],"y":"\"embedding\":[1]","embedding":null}`,
  '{"embeddings":[1],"embedding":{"a":[2]},"embedding":5}',
  '{"error":{"message":"no \\"embedding\\": [here]"}}',
])("what is no vector stays as it is: %s", (body) => {
  expect(Buffer.concat(assembleBody(body).content).toString()).toBe(body);
});

test("a quote within text ends no text", () => {
  const { content } = assembleBody(String.raw`{"x":"a\"","embedding":[1]}`);
  expect(Buffer.concat(content).toString()).toContain('"dimensions":1');
});

test("chunk borders change nothing", () => {
  const all = `[{"embedding":${VECTOR}},{"embedding":"AAAA\\/AAA"},{"embedding":[[1],[2]],"x":"\\\\"}]`;
  fc.assert(
    fc.property(fc.array(fc.nat(200)), (borders) => {
      expect(assembleBody(all, borders)).toEqual(assembleBody(all));
    }),
  );
});

test("an answer that ends within a vector shows none of it", () => {
  const { content, faults } = assembleBody('[{"embedding":[0.25,0.5');
  expect(Buffer.concat(content).toString()).toBe(
    `[{"embedding":{"dimensions":2,"sha256":"${sha256("[0.25,0.5")}"}`,
  );
  expect(faults).toEqual(["not-json"]);
});

test("an answer larger than what may be kept passes as long as only its vectors are large", () => {
  const reassembly = createReassembly("embeddings", undefined, { answerBytes: 1_000 });
  reassembly.push(Buffer.from('{"data":[{"embedding":['));
  for (let round = 0; round < 1_000; round += 1) reassembly.push(Buffer.from("0.0625,"));
  reassembly.push(Buffer.from("1]}]}"));
  expect(reassembly.isFull).toBe(false);
  expect(contentOf(reassembly.finish(), "data", 0, "embedding", "dimensions")).toBe(1_001);
});
