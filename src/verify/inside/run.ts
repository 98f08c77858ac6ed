/** What the companion container does, from top to bottom. It changes nothing but two files of its own that it takes away again. */
import { messageOf } from "../../shared/errors.ts";
import { inconclusive, type Check, type Question } from "../check.ts";
import type { InsideAnswer } from "./answer.ts";
import { attempt } from "./attempt.ts";
import { checkFiles, type FilesLook } from "./files.ts";
import { openLoopbackControl, type LoopbackControl } from "./loopback-control.ts";
import { checkMounts } from "./mounts.ts";
import { judgeNames, lookUpAll } from "./names.ts";
import { attemptAll } from "./outbound.ts";
import type { InsidePlan } from "./plan.ts";
import { checkProcesses } from "./processes.ts";
import { checkRoutes } from "./routes.ts";
import { checkServer } from "./server.ts";

export async function runInside(plan: InsidePlan): Promise<InsideAnswer> {
  const control = await openLoopbackControl();
  try {
    const outbound = await attemptAll(plan, control);
    const { format, nonce } = plan;
    if (plan.role === "twin") return { format, nonce, checks: [], hidden: [], outbound };
    const gateway = plan.gateway === undefined ? undefined : await attemptGateway(plan.gateway);
    const files: FilesLook[] = [];
    const checks = [
      ...(await guard("image-files", async () => {
        files.push(await checkFiles(plan));
        return files.map(({ check }) => check);
      })),
      ...(await guard("processes", async () => [await checkProcesses(plan)])),
      ...(await guard("read-only-root", async () => [await checkMounts(plan)])),
      ...(await guard("routes", async () => [await checkRoutes(plan)])),
      ...(await guard("names", async () => [await checkNames(plan, control)])),
      ...(await guard("server", async () => checkServer(plan))),
    ];
    return {
      format,
      nonce,
      checks,
      hidden: files.flatMap(({ hidden }) => hidden),
      outbound,
      ...(gateway === undefined ? {} : { gateway }),
    };
  } finally {
    await control.close();
  }
}

async function checkNames(plan: InsidePlan, control: LoopbackControl): Promise<Check> {
  return judgeNames(await lookUpAll(plan.nonce, control));
}

function attemptGateway(gateway: { readonly address: string; readonly port: number }): Promise<string> {
  return attempt({ protocol: "tcp", ...gateway }, new Uint8Array(0));
}

/** What could not be looked at is inconclusive, and the other checks go on. */
async function guard(id: string, look: () => Promise<readonly Check[]>): Promise<readonly Check[]> {
  const question: Question = {
    id,
    title: `The check "${id}"`,
    where: "inside",
    expected: "a look at its subject",
  };
  try {
    return await look();
  } catch (error) {
    return [
      inconclusive(question, { observed: messageOf(error), reason: "The subject could not be looked at" }),
    ];
  }
}
