import { rm } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { dayTeller } from "../../src/audit/day.ts";
import { listSegments } from "../../src/audit/segments.ts";
import { openScratchLog, scratchFolder } from "./write/scratch-log.ts";

const MINUTE_MS = 60_000;

/** First and last minute of the day, in UTC, as each zone's law has them. */
const DAYS: readonly (readonly [zone: string, day: string, first: string, minutes: number])[] = [
  ["UTC", "2026-03-29", "2026-03-29T00:00Z", 1440],
  ["Europe/Berlin", "2026-03-28", "2026-03-27T23:00Z", 24 * 60],
  ["Europe/Berlin", "2026-03-29", "2026-03-28T23:00Z", 23 * 60],
  ["Europe/Berlin", "2026-03-30", "2026-03-29T22:00Z", 24 * 60],
  ["Europe/Berlin", "2026-10-25", "2026-10-24T22:00Z", 25 * 60],
  ["Europe/Berlin", "2026-10-26", "2026-10-25T23:00Z", 24 * 60],
  // Summer time of half an hour, to quarters of hours, at midnight, and a day on the other side of the date line.
  ["Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00Z", 24 * 60 + 30],
  ["Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30Z", 24 * 60 - 30],
  ["Asia/Kathmandu", "2026-06-01", "2026-05-31T18:15Z", 1440],
  ["Asia/Kolkata", "2026-06-01", "2026-05-31T18:30Z", 1440],
  ["Pacific/Chatham", "2026-04-05", "2026-04-04T10:15Z", 25 * 60],
  ["America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00Z", 23 * 60],
  ["America/Sao_Paulo", "2018-02-17", "2018-02-17T02:00Z", 25 * 60],
  ["Pacific/Kiritimati", "2026-01-01", "2025-12-31T10:00Z", 1440],
  ["Pacific/Apia", "2011-12-29", "2011-12-29T10:00Z", 1440],
  // The 30th was left out.
  ["Pacific/Apia", "2011-12-31", "2011-12-30T10:00Z", 1440],
  ["Europe/Berlin", "2028-02-29", "2028-02-28T23:00Z", 1440],
];

test.each(DAYS)("in %s %s begins at %s and has %i minutes", (...[zone, day, first, minutes]) => {
  const dayOf = dayTeller(zone);
  const start = Date.parse(first);
  expect(dayOf(start - 1)).not.toBe(day);
  for (let minute = 0; minute < minutes; minute += 1)
    if (dayOf(start + minute * MINUTE_MS) !== day) expect.fail(`minute ${minute} is of another day`);
  expect(dayOf(start + minutes * MINUTE_MS - 1)).toBe(day);
  expect(dayOf(start + minutes * MINUTE_MS)).not.toBe(day);
});

test("what was asked before changes no answer", () => {
  const zones = [...new Set(DAYS.map(([zone]) => zone)), "America/St_Johns", "Africa/Casablanca"];
  const moments = fc.integer({ min: Date.parse("1990-01-01"), max: Date.parse("2100-01-01") });
  // Near ends of days, and of minutes.
  const near = fc.constantFrom(...DAYS.map(([, , first]) => Date.parse(first)));
  const asked = fc.oneof(
    moments,
    fc.tuple(near, fc.integer({ min: -2, max: 2 })).map(([moment, ms]) => moment + ms),
  );
  fc.assert(
    fc.property(fc.constantFrom(...zones), fc.array(asked, { maxLength: 8 }), (zone, times) => {
      const one = dayTeller(zone);
      for (const time of times) expect(one(time)).toBe(dayTeller(zone)(time));
    }),
  );
});

test.each(["", "Mars/Olympus", "Europe/Berlin ", "../etc"])("no zone is called %j", (zone) => {
  expect(() => dayTeller(zone)).toThrow(expect.objectContaining({ code: "ZONE_UNKNOWN", exitCode: 2 }));
});

test("a zone whose clocks went back over midnight leads no log back into the day before", async () => {
  const zone = "America/St_Johns";
  const dayOf = dayTeller(zone);
  // Until 2011 they went back at one minute past midnight: 6, 7 for a minute, 6 for an hour, 7.
  const [before, after, again, since] = [
    "2010-11-07T02:29Z",
    "2010-11-07T02:30Z",
    "2010-11-07T02:31Z",
    "2010-11-07T03:30Z",
  ].map((text) => Date.parse(text));
  const moments = [before ?? 0, after ?? 0, again ?? 0, since ?? 0];
  expect(moments.map(dayOf)).toEqual(["2010-11-06", "2010-11-07", "2010-11-06", "2010-11-07"]);
  let now = moments[0] ?? 0;
  const at = await scratchFolder();
  const { log } = await openScratchLog(at, { zone }, { now: () => now });
  for (const moment of moments) {
    now = moment;
    await log.append({ type: "heartbeat" }).durable;
  }
  await log.close();
  expect((await listSegments(at.log)).map(({ name }) => name)).toEqual(["2010-11-06.000", "2010-11-07.000"]);
  await rm(join(at.log, ".."), { recursive: true });
});
