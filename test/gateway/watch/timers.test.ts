import { afterEach, describe, expect, test } from "vitest";
import { reconcile } from "../../../src/gateway/timers.ts";
import type { Activity } from "../../../src/gateway/upstream.ts";
import { createAccounts } from "../../../src/gateway/watch/reconcile.ts";
import { createHeldLog } from "../http/held-log.ts";
import { startUpstream, type Upstream } from "../http/upstream.ts";
import { METRICS } from "./metrics-sample.ts";

const MORE = METRICS.replace(/^(llamacpp:tokens_predicted_total) .*$/m, "$1 11");
let upstream: Upstream | undefined;

afterEach(async () => await upstream?.stop());

/** `whileAsked` runs between the question for the metrics and its answer. */
async function rig() {
  const { log, entries } = createHeldLog();
  const state: { activity: Activity; metrics: string; whileAsked: () => void } = {
    activity: { inFlight: 0, begun: 0 },
    metrics: METRICS,
    whileAsked: () => undefined,
  };
  upstream = await startUpstream((response) => {
    state.whileAsked();
    response.end(state.metrics);
  });
  const { socketPath } = upstream;
  const asked = { accounts: createAccounts(), socketPath, activity: () => state.activity };
  await reconcile(log, asked);
  state.metrics = MORE;
  return { entries, state, reconcile: async () => await reconcile(log, asked) };
}

describe("reconcile", () => {
  test("writes what it finds", async () => {
    const { entries, reconcile } = await rig();
    expect(entries).toEqual([]);
    await reconcile();
    expect(entries).toMatchObject([{ type: "reconcile", verdict: "gap", upstream: { input: 0, output: 1 } }]);
    await reconcile();
    expect(entries).toHaveLength(1);
  });

  test("asks nothing while a request is under way", async () => {
    const { entries, state, reconcile } = await rig();
    state.activity = { inFlight: 1, begun: 1 };
    await reconcile();
    expect([entries, upstream?.received.length]).toEqual([[], 1]);
    state.activity = { inFlight: 0, begun: 1 };
    await reconcile();
    expect(entries).toMatchObject([{ verdict: "gap" }]);
  });

  test.each([
    ["came", { inFlight: 1, begun: 1 }],
    ["came and went", { inFlight: 0, begun: 1 }],
  ])("believes no counters during which a request %s, and compares the next ones", async (_, meanwhile) => {
    const { entries, state, reconcile } = await rig();
    state.whileAsked = () => (state.activity = meanwhile);
    await reconcile();
    expect(entries).toEqual([]);
    state.activity = { inFlight: 0, begun: 1 };
    state.whileAsked = () => undefined;
    await reconcile();
    expect(entries).toMatchObject([{ verdict: "gap" }]);
  });

  test("fails where the metrics are others", async () => {
    const { entries, state, reconcile } = await rig();
    state.metrics = "";
    await expect(reconcile()).rejects.toMatchObject({ code: "COUNTERS_MISSING" });
    expect(entries).toEqual([]);
  });
});
