/**
 * The client of all measurements, in a process of its own: node bench/gateway/client-child.ts SOCKET
 * It takes jobs as JSON (job.ts) over the Unix socket, one at a time, and prints "ready" once it listens.
 */
import { createHash } from "node:crypto";
import { fdatasyncSync, openSync, closeSync, writeSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openConnection, type Connection } from "./connection.ts";
import type { DiskJob, DiskResult, Job, LatencyJob, LatencyResult, StreamJob, StreamResult } from "./job.ts";
import { answerText, encodeScript, parseScript } from "./script.ts";
import { quantile } from "./statistics.ts";
import { chatRequest } from "./target.ts";
import { createTokenClock } from "./token-clock.ts";

createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const job: Job = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    run(job).then(
      (result) => response.end(JSON.stringify(result)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
}).listen(process.argv[2], () => process.stdout.write("ready\n"));

async function run(job: Job): Promise<LatencyResult | StreamResult | DiskResult> {
  switch (job.kind) {
    case "latency":
      return await latency(job);
    case "streams":
      return await streams(job);
    case "disk":
      return await disk(job);
  }
}

async function latency(job: LatencyJob): Promise<LatencyResult> {
  const text = encodeScript(job.script);
  const request = chatRequest(job.target, { stream: false, text, padBytes: job.requestBytes });
  const expected = JSON.stringify(answerText(parseScript(text)));
  const times: number[] = [];
  let wrong = 0;
  let left = job.requests;
  async function loop(connection: Connection): Promise<void> {
    while (left > 0) {
      left -= 1;
      const parts: Buffer[] = [];
      const began = performance.now();
      const { status } = await connection.ask(request, (bytes) => parts.push(bytes));
      times.push(performance.now() - began);
      if (status !== 200 || !Buffer.concat(parts).includes(expected)) wrong += 1;
    }
    connection.close();
  }
  const began = performance.now();
  await Promise.all(Array.from({ length: job.connections }, () => loop(openConnection(job.target.port))));
  const perSecond = (times.length / (performance.now() - began)) * 1_000;
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99), perSecond, wrong };
}

async function streams(job: StreamJob): Promise<StreamResult> {
  const seen = await Promise.all(Array.from({ length: job.streams }, (_, index) => oneStream(job, index)));
  const gaps = seen.flatMap(({ gaps }) => gaps);
  const hash = createHash("sha256");
  for (const { sha256 } of seen) hash.update(sha256);
  return {
    ttft: quantile(
      seen.map(({ ttft }) => ttft),
      0.5,
    ),
    itlP50: quantile(gaps, 0.5),
    itlP99: quantile(gaps, 0.99),
    tokensPerRead: sum(seen.map(({ tokens }) => tokens)) / sum(seen.map(({ reads }) => reads)),
    wrong: seen.filter(({ whole }) => !whole).length,
    sha256: hash.digest("hex"),
  };
}

async function oneStream(job: StreamJob, index: number) {
  const text = encodeScript({ ...job.script, nonce: `s${index}` });
  const clock = createTokenClock();
  const connection = openConnection(job.target.port);
  const began = performance.now();
  const { status } = await connection.ask(chatRequest(job.target, { stream: true, text }), clock.push);
  connection.close();
  const { text: answer, times, ...seen } = clock.finish();
  return {
    ...seen,
    ttft: (times[0] ?? Number.NaN) - began,
    gaps: times.slice(1).map((time, index) => time - (times[index] ?? Number.NaN)),
    tokens: times.length,
    whole: status === 200 && seen.ended && answer === answerText(parseScript(text)),
  };
}

/** Appends and waits as the log does, with nothing between: what no durable log can be faster than. */
async function disk({ folder, writes, restMs }: DiskJob): Promise<DiskResult> {
  const path = join(folder, "disk-probe");
  const file = openSync(path, "a");
  const block = Buffer.alloc(4_096, "x");
  const times: number[] = [];
  for (let write = 0; write < writes; write += 1) {
    if (restMs > 0) await sleep(restMs);
    writeSync(file, block);
    const began = performance.now();
    fdatasyncSync(file);
    times.push(performance.now() - began);
  }
  closeSync(file);
  await rm(path);
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
