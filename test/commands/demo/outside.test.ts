import { expect, test } from "vitest";
import { judgeOutside } from "../../../src/commands/demo/outside.ts";
import type { OutsideEvent } from "../../../src/world/event.ts";

const nonces = { sealed: ["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"], twin: "cccccccccccccccc" };
const event = (nonce: string | undefined, more: Partial<OutsideEvent> = {}): OutsideEvent => ({
  receiver: "packet",
  protocol: "udp",
  from: "203.0.113.2",
  to: "203.0.113.53",
  port: 53,
  bytes: 60,
  nonces: nonce === undefined ? [] : [nonce],
  ...more,
});
const twin = event(nonces.twin);

test("judgeOutside passes where nothing came while sealed and the twin's nonce did", () => {
  expect(judgeOutside({ sealed: [], after: [twin, event(undefined)] }, nonces)).toEqual({
    verdict: "pass",
    sealed: 0,
    twin: 1,
    receivers: ["packet"],
    leaks: [],
  });
});

test("judgeOutside lets neighbours look for one another on the wire, and nothing that carries a nonce or goes further", () => {
  const solicitation = event(undefined, { protocol: "icmpv6", to: "ff02:0:0:0:0:0:0:2" });
  expect(judgeOutside({ sealed: [solicitation], after: [twin] }, nonces).verdict).toBe("pass");
  for (const more of [{ nonces: [nonces.twin] }, { to: "2001:db8:0:0:0:0:0:1" }, { protocol: "udp" }]) {
    const odd = { ...solicitation, ...more };
    expect(judgeOutside({ sealed: [odd], after: [twin] }, nonces).verdict).toBe("failed-check");
  }
});

test.each([
  ["a packet without a nonce while sealed", { sealed: [event(undefined)], after: [twin] }],
  ["the first run's nonce when the twin runs", { sealed: [], after: [twin, event("aaaaaaaaaaaaaaaa")] }],
  ["the second run's nonce when the twin runs", { sealed: [], after: [event("bbbbbbbbbbbbbbbb"), twin] }],
])("judgeOutside calls %s a leak", (_, events) => {
  expect(judgeOutside(events, nonces)).toMatchObject({
    verdict: "failed-check",
    sealed: 1,
    leaks: ["udp 203.0.113.53:53"],
  });
});

test("judgeOutside is inconclusive where the twin's nonce never came, whatever else did", () => {
  expect(judgeOutside({ sealed: [], after: [] }, nonces).verdict).toBe("inconclusive");
  expect(judgeOutside({ sealed: [], after: [event(undefined)] }, nonces).verdict).toBe("inconclusive");
});
