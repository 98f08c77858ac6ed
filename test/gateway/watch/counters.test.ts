import { afterEach, describe, expect, test } from "vitest";
import { parseCounters, readCounters } from "../../../src/gateway/watch/counters.ts";
import { startUpstream, type Answer, type Upstream } from "../http/upstream.ts";
import { METRICS } from "./metrics-sample.ts";

let upstream: Upstream | undefined;

afterEach(async () => await upstream?.stop());

async function readFrom(answer: Answer) {
  upstream = await startUpstream(answer);
  return await readCounters(upstream.socketPath);
}

function exactly(value: number) {
  return { least: value, most: value };
}

describe("parseCounters", () => {
  test("reads what llama-server writes: cached tokens are input as well", () => {
    expect(parseCounters(METRICS)).toEqual({ input: exactly(15 + 13), output: exactly(10) });
  });

  test.each([
    ["999999", 999_999, 999_999],
    ["1e+06", 999_995, 1_000_005],
    ["1.23457e+06", 1_234_565, 1_234_575],
    ["2.5e+09", 2_499_995_000, 2_500_005_000],
    ["1234567", 1_234_567, 1_234_567],
  ])("knows how far %s may be off", (...[written, least, most]) => {
    const text = METRICS.replace(/^(llamacpp:tokens_predicted_total) .*$/m, `$1 ${written}`);
    expect(parseCounters(text).output).toEqual({ least, most });
  });

  test.each(["prompt_tokens_total", "prompt_tokens_cached_total", "tokens_predicted_total"])(
    "says which one is missing, or is no count: %s",
    (name) => {
      const line = new RegExp(`^llamacpp:${name} .*\n`, "m");
      for (const spoilt of ["", `llamacpp:${name} \n`, `llamacpp:${name} nan\n`, `llamacpp:${name} -1\n`])
        expect(() => parseCounters(METRICS.replace(line, spoilt))).toThrow(
          expect.objectContaining({
            class: "engine",
            code: "COUNTERS_MISSING",
            message: expect.stringContaining(`"llamacpp:${name}"`),
          }),
        );
    },
  );
});

describe("readCounters", () => {
  test("asks for the metrics alone", async () => {
    expect(await readFrom((response) => void response.end(METRICS))).toEqual(parseCounters(METRICS));
    expect(upstream?.received).toMatchObject([{ method: "GET", url: "/metrics" }]);
  });

  test("knows nothing where there are none, or nobody answers", async () => {
    expect(await readFrom((response) => void response.writeHead(501).end())).toBeUndefined();
    const { socketPath = "" } = upstream ?? {};
    await upstream?.stop();
    upstream = undefined;
    expect(await readCounters(socketPath)).toBeUndefined();
  });

  test("does not take other metrics for none", async () => {
    await expect(readFrom((response) => void response.end("vllm:x 1\n"))).rejects.toMatchObject({
      code: "COUNTERS_MISSING",
    });
  });
});
