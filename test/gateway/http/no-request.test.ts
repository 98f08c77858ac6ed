import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { CHAT_PATH, sendRaw } from "./client.ts";
import { expectGoesOn } from "./expect-refused.ts";
import { closeRigs, startRig, until } from "./rig.ts";
import { CHAT, json } from "./upstream.ts";

afterEach(closeRigs);

describe("bytes that are no request", () => {
  const HEAD = `POST ${CHAT_PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`;

  test.each([
    ["two lengths", `${HEAD}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`, 400, "bad_http"],
    [
      "a length and chunks",
      `${HEAD}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
      "bad_http",
    ],
    [
      "an odd transfer coding",
      `${HEAD}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
      400,
      "bad_http",
    ],
    ["a folded header", `${HEAD}x: a\r\n b\r\ncontent-length: 2\r\n\r\n{}`, 400, "bad_http"],
    ["a bare line feed", `GET /v1/models HTTP/1.1\nhost: x\n\n`, 400, "bad_http"],
    ["a space before a colon", `${HEAD}content-length : 2\r\n\r\n{}`, 400, "bad_http"],
    ["headers too long", `${HEAD}x: ${"a".repeat(20_000)}\r\n\r\n`, 431, "headers_too_large"],
    ["NUL in a header", `${HEAD}x: a\x00b\r\ncontent-length: 2\r\n\r\n{}`, 400, "bad_http"],
    ["NUL in a path", "GET /v1/models\x00 HTTP/1.1\r\nhost: x\r\n\r\n", 400, "bad_http"],
    ["no host", "GET /v1/models HTTP/1.1\r\nconnection: close\r\n\r\n", 400, "bad_http"],
    ["a tunnel", "CONNECT elsewhere:443 HTTP/1.1\r\nhost: x\r\n\r\n", 405, "method_not_allowed"],
    ["garbage", "\x16\x03\x01\x02\x00\x01\x00", 400, "bad_http"],
  ])("with %s are refused with a record", async (...[, bytes, status, code]) => {
    const rig = await startRig({ answer: json(CHAT) });
    const text = await sendRaw(rig.port, bytes);
    expect(text).toContain(`HTTP/1.1 ${status} `);
    expect(text).toContain(`"code":"${code}"`);
    expect(await rig.untilRecords("reject", 1)).toMatchObject([{ status, code, route: "unknown" }]);
    await expectGoesOn(rig);
  });

  test("in the middle of an answer end it, and stand in no answer", async () => {
    const rig = await startRig({
      answer: async (response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write("data: {}\n\n");
        await sleep(200);
        response.end();
      },
    });
    const text = await sendRaw(rig.port, `${HEAD}content-length: 2\r\n\r\n{}\x00\x01 no request\r\n\r\n`);
    expect(text).not.toContain("bad_http");
    await until(() => rig.activity().inFlight === 0);
    expect(await rig.untilRecords("res", 1)).toMatchObject([{ outcome: "client_abort" }]);
    expect(await rig.records("reject")).toMatchObject([{ code: "bad_http" }]);
  });

  test("an expectation gets an answer", async () => {
    const rig = await startRig({ answer: json(CHAT) });
    const text = await sendRaw(
      rig.port,
      `${HEAD}connection: close\r\nexpect: miracles\r\ncontent-length: 2\r\n\r\n{}`,
    );
    expect(text).toContain("HTTP/1.1 200 ");
  });
});
