import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatAddCheckpoint } from "../../src/audit/notes/add-checkpoint.ts";
import { formatCheckpoint } from "../../src/audit/notes/checkpoint.ts";
import { cosignedAt } from "../../src/audit/notes/cosignature.ts";
import { parseVerifier } from "../../src/audit/notes/keys.ts";
import { LOG_KEY_HEADER } from "../../src/audit/notes/add-checkpoint.ts";
import { parseNote, signNote } from "../../src/audit/notes/signed-note.ts";
import { witnessAt } from "../../src/audit/write/ask-witness.ts";
import { serveWitness, type RunningWitness } from "../../src/witness/serve.ts";
import { logSigner, ORIGIN } from "../audit/notes/sample-keys.ts";
import { treeOf } from "../audit/tree/small-tree.ts";
import { addCheckpoint, signedCheckpoint } from "./sample-log.ts";

let folder: string;
let socket: string;
let witness: RunningWitness;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "witness-"));
  socket = join(folder, "witness.sock");
  witness = await start();
});
afterEach(async () => {
  await witness.close();
  await rm(folder, { recursive: true });
});

async function start(): Promise<RunningWitness> {
  return await serveWitness({ socket, folder: join(folder, "state") });
}

type Answer = { readonly status: number; readonly type: string; readonly body: string };

async function call(method: string, path: string, body: string | Uint8Array = ""): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const headers = { [LOG_KEY_HEADER]: logSigner().vkey };
    const asked = request({ socketPath: socket, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          type: response.headers["content-type"] ?? "",
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

async function post(body: string | Uint8Array): Promise<Answer> {
  return await call("POST", "/add-checkpoint", body);
}

test("a log that asks is told when its checkpoint was seen, across a restart", async () => {
  const ask = witnessAt(socket);
  const key = logSigner().vkey;
  const note = await signedCheckpoint({ size: 5 });
  const first = await ask({ old: 0, proof: [], note }, key);
  if (first.kind !== "cosigned") throw new Error(first.kind);
  expect(cosignedAt(parseNote(`${note}${first.line}`), parseVerifier(witness.vkey))).toBeGreaterThan(0);
  const { vkey } = witness;
  await witness.close();
  witness = await start();
  expect(witness.vkey).toBe(vkey);
  expect(await ask({ old: 0, proof: [], note }, key)).toEqual({ kind: "conflict", size: 5 });
  const { proof } = await treeOf(9, { from: 5 });
  const next = await ask({ old: 5, proof, note: await signedCheckpoint({ size: 9 }) }, key);
  expect(next.kind).toBe("cosigned");
});

test("409 has the specification's content type", async () => {
  await post(await addCheckpoint({ size: 5 }));
  expect(await post(await addCheckpoint({ size: 3 }))).toEqual({
    status: 409,
    type: "text/x.tlog.size",
    body: "5\n",
  });
});

test("of many at once that begin at the same size, one is taken, and the others are told so", async () => {
  await post(await addCheckpoint({ size: 5 }));
  const bodies = await Promise.all([6, 7, 8, 9, 10, 11, 12].map((size) => addCheckpoint({ size, from: 5 })));
  const answers = await Promise.all(bodies.map(post));
  const taken = answers.findIndex(({ status }) => status === 200);
  for (const [index, { status, body }] of answers.entries())
    expect(index === taken ? 200 : `${status} ${body}`).toBe(index === taken ? status : `409 ${taken + 6}\n`);
});

test("what is seen last can be asked for, by the origin and by its hash", async () => {
  const hash = createHash("sha256").update(ORIGIN).digest("hex");
  const paths = [`/head?origin=${encodeURIComponent(ORIGIN)}`, `/${hash}/checkpoint`];
  for (const path of paths) expect(await call("GET", path)).toMatchObject({ status: 404 });
  const { body: line } = await post(await addCheckpoint({ size: 5 }));
  const note = `${await signedCheckpoint({ size: 5 })}${line}`;
  for (const path of paths) expect(await call("GET", path)).toMatchObject({ status: 200, body: note });
});

test("its key and its health can be asked for", async () => {
  expect(await call("GET", "/vkey")).toMatchObject({ status: 200, body: `${witness.vkey}\n` });
  expect(await call("GET", "/health")).toMatchObject({ status: 200, body: "ok\n" });
});

test("its key is its own alone, and its socket is its group's as well", async () => {
  expect((await stat(join(folder, "state/witness.key"))).mode & 0o777).toBe(0o600);
  expect((await stat(socket)).mode & 0o777).toBe(0o660);
});

test("a key that cannot be read stops it before it listens", async () => {
  await witness.close();
  await writeFile(join(folder, "state/witness.key"), "");
  await expect(start()).rejects.toMatchObject({ code: "KEY_UNREADABLE" });
  await rm(join(folder, "state/witness.key"));
  witness = await start();
});

describe("hostile callers", () => {
  test.each([
    ["GET", "/"],
    ["GET", "//"],
    ["GET", "/add-checkpoint"],
    ["GET", "/head?origin=%zz"],
    ["GET", "/../../etc/passwd/checkpoint"],
    ["POST", "/head"],
    ["DELETE", "/add-checkpoint"],
  ])("%s %s: 404", async (method, path) => {
    expect(await call(method, path)).toMatchObject({ status: 404 });
  });

  test("a body that is too long: 400, and the next caller is answered", async () => {
    expect(await post(Buffer.alloc(1 << 20, "x"))).toMatchObject({ status: 400 });
    expect(await post(await addCheckpoint({ size: 1 }))).toMatchObject({ status: 200 });
  });

  test("a body that is not UTF-8: 400", async () => {
    // A reader who forgives would read the character that was signed out of the byte that is sent in its place.
    const { root } = await treeOf(1);
    const note = signNote(`${formatCheckpoint({ origin: ORIGIN, size: 1, root })}\ufffd\n`, logSigner());
    const body = formatAddCheckpoint({ old: 0, proof: [], note });
    const [before = "", after = ""] = body.split("\ufffd");
    const broken = Buffer.concat([Buffer.from(before), Buffer.from([0xff]), Buffer.from(after)]);
    expect(await post(broken)).toMatchObject({ status: 400 });
    expect(await post(body)).toMatchObject({ status: 200 });
  });

  test("who sends half a request, or leaves in the middle, keeps nobody waiting", async () => {
    const slow = connect(socket);
    slow.write("POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: 1000\r\n\r\nold 0\n");
    const gone = connect(socket);
    gone.write("POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: 1000\r\n\r\nold 0\n");
    gone.end();
    expect(await post(await addCheckpoint({ size: 1 }))).toMatchObject({ status: 200 });
    expect(await call("GET", "/health")).toMatchObject({ status: 200 });
    slow.destroy();
    expect(await post(await addCheckpoint({ size: 2, from: 1 }))).toMatchObject({ status: 200 });
  });

  test("a memory that was damaged: 500 for that log, never 200, and it stays as it is", async () => {
    await post(await addCheckpoint({ size: 5 }));
    const heads = join(folder, "state/heads");
    const [name = ""] = await readdir(heads);
    await writeFile(join(heads, name), "{}");
    for (const sent of [{ size: 6, from: 5 }, { size: 1 }, { size: 0 }])
      expect(await post(await addCheckpoint(sent))).toMatchObject({ status: 500 });
    expect(await readFile(join(heads, name), "utf8")).toBe("{}");
  });

  test("a memory that cannot be written: 500, and no cosignature", async () => {
    await post(await addCheckpoint({ size: 5 }));
    const heads = join(folder, "state/heads");
    const [name = ""] = await readdir(heads);
    const before = await readFile(join(heads, name), "utf8");
    // Where the temporary file belongs lies a folder: root cannot write there either, as whom tests may run.
    await mkdir(join(heads, `${name}.part-${process.pid}`));
    const answer = await post(await addCheckpoint({ size: 6, from: 5 }));
    expect(answer.status).toBe(500);
    expect(answer.body).not.toContain("—");
    expect(await readFile(join(heads, name), "utf8")).toBe(before);
  });
});
