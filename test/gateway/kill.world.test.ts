/** Real kills of a real process under load. test/e2e/gateway-kill.full.test.ts does it a thousand times. */
import { describe, expect, test } from "vitest";
import { expectKillsSurvived } from "./kill-expect.ts";
import { killRounds } from "./kill-rounds.ts";

describe("25 kills under 32 streams, at any moment from the start of the process", () => {
  test.each([
    { mode: "request", content: "sealed" },
    { mode: "strict", content: "plain" },
  ] as const)(
    "mode $mode, $content content: nothing answered is missing, every segment verifies",
    async (how) => {
      const tally = await killRounds({ kills: 25, verifyEvery: 1, ...how });
      expect(tally.afterKills).toHaveLength(25);
      expectKillsSurvived(tally, how.mode);
    },
  );
});
