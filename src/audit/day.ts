import { AppError } from "../shared/errors.ts";

const MINUTE_MS = 60_000;

/** Tells the calendar day of a moment in a zone, as YYYY-MM-DD. Throws AppError ZONE_UNKNOWN (usage). */
export function dayTeller(zone: string): (epochMs: number) => string {
  const format = formatOf(zone);
  let minute = Number.NaN;
  let day = "";
  return (epochMs) => {
    // No zone changes its day within a minute of the clock.
    if (Math.floor(epochMs / MINUTE_MS) === minute) return day;
    minute = Math.floor(epochMs / MINUTE_MS);
    const parts = new Map(format.formatToParts(epochMs).map(({ type, value }) => [type, value]));
    day = `${parts.get("year") ?? ""}-${parts.get("month") ?? ""}-${parts.get("day") ?? ""}`;
    return day;
  };
}

function formatOf(zone: string): Intl.DateTimeFormat {
  try {
    // oxlint-disable-next-line no-restricted-globals -- The one thing here that is for people: at which moment their day ends.
    return new Intl.DateTimeFormat("en-u-ca-iso8601", {
      timeZone: zone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
    });
  } catch (error) {
    throw new AppError(
      { class: "usage", code: "ZONE_UNKNOWN" },
      `Cannot rotate the log at midnight in "${zone}": no such time zone, expected a name like "UTC" or "Europe/Berlin"`,
      { cause: error, fields: { zone } },
    );
  }
}
