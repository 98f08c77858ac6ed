/** The process that plays the Internet, in a network namespace of its own. Says READY on standard output when all of it listens. */
import { appendFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "../../shared/exec.ts";
import { execStream } from "../../shared/exec-stream.ts";
import { noncesIn, type OutsideEvent } from "../event.ts";
import { createPacketReader } from "./packets.ts";
import { startReceivers } from "./receivers.ts";

export const READY = "READY";
export const EVENTS_FILE = "events.ndjson";

/** Writes events to `folder`, and returns when the packet receiver ends, which it does only when it is told to. */
export async function playOutside(
  folder: string,
  device: string,
  say: (line: string) => void,
): Promise<void> {
  const path = join(folder, EVENTS_FILE);
  const log = (event: OutsideEvent): void => appendFileSync(path, `${JSON.stringify(event)}\n`);
  await startReceivers(await certificate(folder), log);
  await receivePackets(device, log, () => say(READY));
}

async function certificate(folder: string): Promise<{ readonly key: string; readonly cert: string }> {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  await exec("openssl", [
    ...request,
    "-subj",
    "/CN=outside.example",
    "-days",
    "7",
    "-keyout",
    key,
    "-out",
    cert,
  ]);
  return { key: await readFile(key, "utf8"), cert: await readFile(cert, "utf8") };
}

/** What comes in over the wire, whatever it is: nobody needs to listen for it to be seen. */
async function receivePackets(
  device: string,
  log: (event: OutsideEvent) => void,
  onReady: () => void,
): Promise<void> {
  const capture = ["--immediate-mode", "-i", device, "-Q", "in", "-n", "-U", "-s", "0", "-w", "-"];
  const reader = createPacketReader();
  let ready = false;
  for await (const chunk of execStream("tcpdump", capture, { timeoutMs: 0 })) {
    // The file header is the first thing that it writes, once it listens.
    if (!ready) onReady();
    ready = true;
    for (const { bytes, ...packet } of reader.push(chunk))
      log({ receiver: "packet", ...packet, bytes: bytes.length, nonces: noncesIn(bytes) });
  }
}
