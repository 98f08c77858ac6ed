/** What comes over a border: the plan, the answer, targets from the command line, file lists, DNS messages. */
import { describe, expect, test } from "vitest";
import { parseInsideAnswer } from "../../../src/verify/inside/answer.ts";
import { addressQuery } from "../../../src/shared/dns.ts";
import { answerAsControl, CONTROL_ANSWER } from "../../../src/verify/inside/control-answer.ts";
import { openListener } from "../../../src/verify/inside/listener.ts";
import { attempt } from "../../../src/verify/inside/attempt.ts";
import { openLoopbackControl } from "../../../src/verify/inside/loopback-control.ts";
import { attemptAll, payloadsOf } from "../../../src/verify/inside/outbound.ts";
import { parseInsidePlan, type InsidePlan } from "../../../src/verify/inside/plan.ts";
import { parseTarget } from "../../../src/verify/inside/targets.ts";
import { parseImageFileList } from "../../../src/verify/image-files.ts";

const NONCE = "0123456789abcdef";
const PLAN: InsidePlan = {
  format: 1,
  role: "companion",
  nonce: NONCE,
  user: { uid: 1, gid: 1 },
  mounts: [],
  targets: [],
  server: { port: 8080, alias: "a" },
  files: [{ path: "etc", kind: "directory", mode: 0o755, uid: 0, gid: 0 }],
};

describe("parseInsidePlan", () => {
  test("takes a plan as it was written", () => {
    expect(parseInsidePlan(JSON.stringify(PLAN))).toEqual(PLAN);
  });

  test.each([
    "",
    "[]",
    "{",
    JSON.stringify({ ...PLAN, nonce: "x; rm" }),
    JSON.stringify({ ...PLAN, server: { port: 0, alias: "a" } }),
    JSON.stringify({ ...PLAN, more: 1 }),
    JSON.stringify({ ...PLAN, files: [{ path: "etc", kind: "device" }] }),
  ])("refuses %s", (text) => {
    expect(() => parseInsidePlan(text)).toThrow(expect.objectContaining({ code: "VERIFY_PLAN_INVALID" }));
  });
});

describe("parseInsideAnswer", () => {
  const check = {
    id: "routes",
    title: "t",
    where: "inside",
    verdict: "pass",
    expected: "e",
    observed: "o",
    reason: "r",
  };
  const answer = {
    format: 1,
    nonce: NONCE,
    checks: [check],
    hidden: [],
    outbound: { attempts: [], controls: { tcp: "through", udp: "through" } },
  };

  test("takes an answer to this run", () => {
    expect(parseInsideAnswer(`${JSON.stringify(answer)}\n`, NONCE)).toEqual(answer);
  });

  test.each([
    "",
    "null",
    `${JSON.stringify(answer)}\n${JSON.stringify(answer)}`,
    JSON.stringify(answer).slice(0, -1),
    JSON.stringify({ ...answer, nonce: "fedcba9876543210" }),
    JSON.stringify({ ...answer, checks: [{ ...check, verdict: "passed" }] }),
    JSON.stringify({ ...answer, checks: [{ ...check, where: "host" }] }),
    JSON.stringify({ ...answer, checks: Array.from({ length: 101 }, () => check) }),
    JSON.stringify({ ...answer, outbound: undefined }),
  ])("refuses %s", (text) => {
    expect(() => parseInsideAnswer(text, NONCE)).toThrow(
      expect.objectContaining({ class: "inconclusive", code: "VERIFY_ANSWER_INVALID" }),
    );
  });
});

describe("parseTarget", () => {
  test.each([
    ["203.0.113.80:80", { protocol: "tcp", address: "203.0.113.80", port: 80, given: true }],
    ["udp:203.0.113.53:53", { protocol: "udp", address: "203.0.113.53", port: 53, given: true }],
    ["tcp:[2001:db8::1]:443", { protocol: "tcp", address: "2001:db8::1", port: 443, given: true }],
  ])("reads %s", (text, target) => {
    expect(parseTarget(text)).toEqual(target);
  });

  test.each([
    "",
    "203.0.113.80",
    "example.org:80",
    "203.0.113.80:0",
    "203.0.113.80:65536",
    "203.0.113.800:80",
    "[203.0.113.8]:80",
    "2001:db8::1:443",
    "icmp:203.0.113.80:1",
    "203.0.113.80:80 ",
  ])("refuses %j", (text) => {
    expect(() => parseTarget(text)).toThrow(
      expect.objectContaining({ code: "TARGET_INVALID", class: "usage" }),
    );
  });
});

describe("parseImageFileList", () => {
  test("takes a list and refuses what is none", () => {
    const list = { format: 1, image: "x", files: PLAN.files };
    expect(parseImageFileList(JSON.stringify(list), "p")).toEqual(list);
    for (const text of [
      "",
      "{}",
      JSON.stringify({ ...list, format: 2 }),
      JSON.stringify({ ...list, files: [{}] }),
    ])
      expect(() => parseImageFileList(text, "p")).toThrow(
        expect.objectContaining({ code: "FILE_LIST_INVALID" }),
      );
  });
});

describe("DNS messages", () => {
  test("a query is answered with the control's address, and garbage is not", () => {
    const answer = answerAsControl(addressQuery(7, "n.example"));
    expect(answer?.readUInt16BE(0)).toBe(7);
    expect([...(answer?.subarray(-4) ?? [])].join(".")).toBe(CONTROL_ANSWER);
    for (const garbage of ["", "x", "\0".repeat(12), "\u0001".repeat(40)])
      expect(answerAsControl(Buffer.from(garbage))).toBeUndefined();
  });
});

describe("the probe", () => {
  test("gets through to what the suite itself opens, over TCP and UDP, and is refused where nobody listens", async () => {
    const control = await openLoopbackControl();
    expect((await attemptAll({ nonce: NONCE, targets: [] }, control)).controls).toEqual({
      tcp: "through",
      udp: "through",
    });
    await control.close();
    const closed = { protocol: "tcp", address: "127.0.0.1", port: control.tcpPort } as const;
    expect(await attempt(closed, payloadsOf(NONCE))).toBe("refused");
    const udp = { protocol: "udp", address: "127.0.0.1", port: control.udpPort } as const;
    expect(await attempt(udp, payloadsOf(NONCE))).toBe("refused");
  });

  test("a listener closes although somebody holds a connection to it", async () => {
    const listener = await openListener("127.0.0.1");
    const { connect } = await import("node:net");
    const socket = connect(listener.port, "127.0.0.1");
    await new Promise((resolve) => socket.once("connect", resolve));
    socket.on("error", () => socket.destroy());
    await listener.close();
    socket.destroy();
  });
});
