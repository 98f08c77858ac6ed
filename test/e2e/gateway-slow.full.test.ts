/** Requests that never end: the gateway gives 30 seconds for headers and two minutes for all, and looks twice a minute. */
import { afterAll, expect, test } from "vitest";
import { CHAT_PATH, sendRaw } from "../gateway/http/client.ts";
import { expectGoesOn } from "../gateway/http/expect-refused.ts";
import { closeRigs, startRig } from "../gateway/http/rig.ts";
import { CHAT, json } from "../gateway/http/upstream.ts";

afterAll(closeRigs);

const HEAD = `POST ${CHAT_PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`;

test.concurrent.each([
  ["headers", `${HEAD}x: a`, ["request_timeout"]],
  // The connection's record, and then that of the request, whose sender is known.
  ["a body", `${HEAD}content-length: 20\r\n\r\n{"model":`, ["request_timeout", "client_gone"]],
])("whoever never ends %s gets 408 and a record, and the next request works", async (_, bytes, codes) => {
  const rig = await startRig({ answer: json(CHAT) });
  const text = await sendRaw(rig.port, bytes);
  expect(text).toContain("HTTP/1.1 408 ");
  expect(text).toContain('"code":"request_timeout"');
  const rejects = await rig.untilRecords("reject", codes.length);
  expect(rejects.map(({ code }) => code)).toEqual(codes);
  await expectGoesOn(rig);
});
