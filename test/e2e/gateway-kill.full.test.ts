/** A thousand kills at random under 32 streams; test/gateway/kill.world.test.ts does the first fifty of them. */
import { expect, test } from "vitest";
import { expectAnswersLogged, expectKillsSurvived } from "../gateway/kill-expect.ts";
import { killRounds } from "../gateway/kill-rounds.ts";

test.each([
  { mode: "request", content: "sealed", kills: 500 },
  { mode: "strict", content: "plain", kills: 300 },
  { mode: "request", content: "plain", kills: 200 },
] as const)(
  "$kills kills in mode $mode with $content content lose nothing that was answered",
  async (how) => {
    const tally = await killRounds({ verifyEvery: 10, ...how });
    expectKillsSurvived(tally, how.mode);
  },
);

test("the same way of looking finds what mode async loses, which nobody promised to keep", async () => {
  const tally = await killRounds({ kills: 100, mode: "async", content: "plain", verifyEvery: 100 });
  expect(() => expectAnswersLogged(tally)).toThrow();
});
