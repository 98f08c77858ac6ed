/** Reads what the outside saw, and only when it can be shown that it still sees. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "../shared/errors.ts";
import { exec } from "../shared/exec.ts";
import { OUTSIDE_UPLINK, PORTS } from "./addresses.ts";
import { readEvents, type OutsideEvent } from "./event.ts";
import { EVENTS_FILE } from "./outside/main.ts";
import { worldFolder, type WorldRecord } from "./record.ts";

const TRIES = 5;
const POLLS = 100;
const POLL_MS = 20;

/**
 * A marker goes over the wire before each reading, and the reading waits until the packet receiver has it: packets arrive in order, so
 * everything sent before is there too, and a receiver that has died cannot pass for one that saw nothing.
 * Throws AppError OUTSIDE_BLIND (inconclusive).
 */
export function createWatch(
  record: Pick<WorldRecord, "id" | "hostNamespace">,
): () => Promise<readonly OutsideEvent[]> {
  const path = join(worldFolder(record.id), EVENTS_FILE);
  const markers = new Set<string>();
  const isMarker = ({ nonces }: OutsideEvent): boolean => nonces.some((nonce) => markers.has(nonce));
  return async () => {
    for (let tried = 0; tried < TRIES; tried += 1) {
      const marker = randomBytes(8).toString("hex");
      markers.add(marker);
      await send(record.hostNamespace, marker);
      for (let polled = 0; polled < POLLS; polled += 1) {
        const events = await readEvents(path);
        if (events.some(({ receiver, nonces }) => receiver === "packet" && nonces.includes(marker)))
          return events.filter((event) => !isMarker(event));
        await sleep(POLL_MS);
      }
    }
    throw new AppError(
      { class: "inconclusive", code: "OUTSIDE_BLIND" },
      `Cannot say what reached the outside of world ${record.id}: it does not see the host's own packets, expected each of them`,
    );
  };
}

/** A letter before the marker keeps it apart from header bytes that happen to be digits. */
async function send(namespace: string, marker: string): Promise<void> {
  const target = `/dev/udp/${OUTSIDE_UPLINK.v4}/${PORTS.echo}`;
  // Where nobody listens any more the write may fail, which the missing marker then says.
  await exec(
    "nsenter",
    [`--net=/run/netns/${namespace}`, "bash", "-c", 'printf "n%s" "$1" >"$0"', target, marker],
    { accept: [1] },
  );
}
