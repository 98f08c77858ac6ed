import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { digestOf, hexOf } from "../../src/shared/digest.ts";
import { download } from "../../src/shared/download.ts";
import { openHttp, type Http } from "../../src/shared/http.ts";
import { openStore, type Store } from "../../src/shared/store/store.ts";
import { answerWith, breakEvery, startLoopback, type Handler, type Loopback } from "./loopback.ts";

const BYTES = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 11 + (at >> 9)) & 0xff));
const EXPECTED = { digest: digestOf(BYTES), sizeBytes: BYTES.length };

let store: Store;
let http: Http;
let server: Loopback;
let handler: Handler;

beforeEach(async () => {
  store = await openStore(await mkdtemp(join(tmpdir(), "download-")));
  http = openHttp({ env: {}, retryDelaysMs: [] });
  handler = answerWith(BYTES);
  server = await startLoopback((request, response) => handler(request, response));
});

afterEach(async () => {
  await http.close();
  await server.close();
  await rm(store.root, { recursive: true });
});

function get(onProgress: (receivedBytes: number) => void = () => {}): Promise<void> {
  return download({ url: `${server.url}file`, expected: EXPECTED, onProgress }, { store, http });
}

function partials(): Promise<string[]> {
  return readdir(join(store.root, "partial"));
}

/** What a killed run leaves: process 1 lives, but did not start at tick 1. */
async function leaveBehind(bytes: Uint8Array): Promise<void> {
  await writeFile(join(store.root, "partial", `fetch-${hexOf(EXPECTED.digest)}.1-1.0`), bytes);
}

describe("download", () => {
  test("puts the bytes under their digest and leaves nothing under way", async () => {
    await get();
    expect((await readFile(store.pathOf(EXPECTED.digest))).equals(BYTES)).toBe(true);
    expect(await partials()).toEqual([]);
  });

  test("tells how far it is, up to the whole", async () => {
    const seen: number[] = [];
    await get((receivedBytes) => void seen.push(receivedBytes));
    expect(seen.at(-1)).toBe(BYTES.length);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });

  test("goes on after a failure from where it broke off", async () => {
    const breaking = breakEvery(BYTES, 120_000);
    handler = breaking.handler;
    await expect(get(breaking.arrived)).rejects.toMatchObject({
      code: "HTTP_CUT_SHORT",
      class: "unavailable",
    });
    expect(await store.has(EXPECTED.digest)).toBe(false);
    handler = answerWith(BYTES);
    await get();
    expect(server.requests).toEqual(["/file", "/file bytes=120000-"]);
    expect(await store.has(EXPECTED.digest)).toBe(true);
    expect(await partials()).toEqual([]);
  });

  test("takes over what a dead run left", async () => {
    await leaveBehind(BYTES.subarray(0, 200_000));
    await get();
    expect(server.requests).toEqual(["/file bytes=200000-"]);
    expect(await partials()).toEqual([]);
  });

  test("asks for nothing where a dead run left the whole", async () => {
    await leaveBehind(BYTES);
    await get();
    expect(server.requests).toEqual([]);
    expect(await store.has(EXPECTED.digest)).toBe(true);
  });

  test.each([
    ["of other bytes", Buffer.alloc(200_000)],
    ["longer than the file", Buffer.alloc(BYTES.length + 1)],
  ])("starts anew where what was left is %s", async (_, bytes) => {
    await leaveBehind(bytes);
    await get();
    expect(server.requests.at(-1)).toBe("/file");
    expect((await readFile(store.pathOf(EXPECTED.digest))).equals(BYTES)).toBe(true);
  });

  test("starts anew where the server knows no ranges", async () => {
    await leaveBehind(BYTES.subarray(0, 1_000));
    handler = (_, response) => void response.end(BYTES);
    await get();
    expect((await readFile(store.pathOf(EXPECTED.digest))).equals(BYTES)).toBe(true);
  });

  test("never touches what a living process writes", async () => {
    const start = (await readFile(`/proc/${process.ppid}/stat`, "utf8"))
      .replace(/^.*\) /s, "")
      .split(" ")[19];
    const path = join(store.root, "partial", `fetch-${hexOf(EXPECTED.digest)}.${process.ppid}-${start}.0`);
    await writeFile(path, "theirs");
    await get();
    expect(await readFile(path, "utf8")).toBe("theirs");
    expect(server.requests).toEqual(["/file"]);
  });

  test("refuses other bytes of the same size with DIGEST_MISMATCH and keeps nothing", async () => {
    const changed = Buffer.from(BYTES);
    changed[100] = 0xff ^ (changed[100] ?? 0);
    handler = answerWith(changed);
    await expect(get()).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
      class: "integrity",
      fields: { expected: EXPECTED.digest, received: digestOf(changed) },
    });
    expect(await partials()).toEqual([]);
    expect(await store.has(digestOf(changed))).toBe(false);
  });

  test.each([
    ["a shorter file", BYTES.subarray(1)],
    ["a longer file", Buffer.concat([BYTES, Buffer.from("x")])],
  ])("refuses %s with SIZE_MISMATCH, told beforehand or not", async (_, bytes) => {
    const told = answerWith(bytes);
    const untold: Handler = (_, response) => void (response.write(bytes), response.end());
    for (handler of [told, untold]) {
      await expect(get()).rejects.toMatchObject({ code: "SIZE_MISMATCH", class: "integrity" });
      expect(await partials()).toEqual([]);
    }
  });

  test.each([
    [404, "HTTP_NOT_FOUND"],
    [410, "HTTP_NOT_FOUND"],
    [403, "HTTP_STATUS"],
    [500, "HTTP_STATUS"],
  ])("says for status %i %s", async (status, code) => {
    handler = (_, response) => void response.writeHead(status).end();
    await expect(get()).rejects.toMatchObject({ code, class: "unavailable" });
  });

  test("twice at once in one store gives one whole blob", async () => {
    await Promise.all([get(), get(), get()]);
    expect((await readFile(store.pathOf(EXPECTED.digest))).equals(BYTES)).toBe(true);
    expect(await partials()).toEqual([]);
  });

  test("goes on after its process was killed in the middle", async () => {
    let stalled: (() => void) | undefined;
    const halfWritten = new Promise<void>((resolve) => (stalled = resolve));
    handler = (_, response) => {
      response.writeHead(200, { "content-length": BYTES.length });
      response.write(BYTES.subarray(0, 150_000), () => stalled?.());
    };
    const script = join(import.meta.dirname, "download-child.ts");
    const args = [script, store.root, `${server.url}file`, EXPECTED.digest, String(EXPECTED.sizeBytes)];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    await halfWritten;
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    await once(child, "exit");
    const [left = ""] = await partials();
    const { size } = await stat(join(store.root, "partial", left));
    expect(size).toBeGreaterThan(0);

    handler = answerWith(BYTES);
    await get();
    expect(server.requests).toEqual(["/file", `/file bytes=${size}-`]);
    expect((await readFile(store.pathOf(EXPECTED.digest))).equals(BYTES)).toBe(true);
    expect(await partials()).toEqual([]);
  });
});
