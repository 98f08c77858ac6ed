import { expect } from "vitest";
import { ask, CHAT_PATH, errorOf, type Question } from "./client.ts";
import type { Rig } from "./rig.ts";
import { CHAT } from "./upstream.ts";

/** What every refusal has in common: a status and a code for the client, a record, and a gateway that goes on. */
export async function expectRefused(rig: Rig, question: Question, want: { status: number; code: string }) {
  const seen = await ask(rig, question);
  expect(seen.status).toBe(want.status);
  expect(errorOf(seen)).toMatchObject({ code: want.code });
  const [reject] = await rig.untilRecords("reject", 1);
  expect(reject).toMatchObject({ ...want, id: seen.headers["x-request-id"] });
  await expectGoesOn(rig);
  return { seen, reject };
}

export async function expectGoesOn(rig: Rig): Promise<void> {
  const before = rig.upstream.received.length;
  expect(before).toBe(0);
  expect(await ask(rig, { path: CHAT_PATH })).toMatchObject({ status: 200, text: JSON.stringify(CHAT) });
  expect(rig.defects).toEqual([]);
}
