/** One run of the suite in whatever network name space this process was put: a request from a file, the report on standard output. */
import { readFile } from "node:fs/promises";
import { connectEngine } from "../../src/shared/engine/engine.ts";
import { silentReporter } from "../../src/shared/reporter.ts";
import type { VerifyNonces } from "../../src/verify/report/report.ts";
import { verify } from "../../src/verify/run.ts";
import type { OpenNetwork, Stack } from "../../src/verify/subject.ts";

type Request = {
  readonly address: string;
  readonly scratch: string;
  readonly nonces: VerifyNonces;
  readonly stack: Stack;
  readonly open?: OpenNetwork;
};

const request = JSON.parse(await readFile(process.argv[2] ?? "", "utf8")) as Request;
const report = await verify(request.stack, request.open, {
  engine: await connectEngine(request.address),
  scratch: request.scratch,
  reporter: silentReporter,
  signal: AbortSignal.timeout(200_000),
  nonces: request.nonces,
});
process.stdout.write(JSON.stringify(report));
