import type { LogVerdict } from "./verdict.ts";

/** For people: the verdict first, then what led to it, then what was looked at. */
export function renderVerdict(found: LogVerdict): string {
  const at = found.seq === undefined ? "" : ` at record ${found.seq}`;
  return [
    `${found.verdict}${at}`,
    ...found.findings.map(
      ({ verdict, seq, what }) => `  ${verdict}${seq === undefined ? "" : ` ${seq}`}: ${what}`,
    ),
    ...(found.more === 0 ? [] : [`  and ${found.more} more findings`]),
    `log ${found.origin}: ${found.records} records from ${found.minimum} on, ${found.payloads} payloads, ${found.purged} removed, ${found.bytes} bytes`,
    `${found.checkpoints} checkpoints, ${found.cosigned} cosigned, ${found.anchors} anchors, ${found.unanchored} records after the last checkpoint`,
    ...(found.inFlight === 0 ? [] : [`${found.inFlight} requests without an answer yet`]),
    "",
  ].join("\n");
}
