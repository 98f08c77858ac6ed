/** What the companion container does, from top to bottom. It changes nothing but two files of its own that it takes away again. */
import { messageOf } from "../../shared/errors.ts";
import { inconclusive, type Check, type Question } from "../check.ts";
import type { InsideAnswer } from "./answer.ts";
import { attempt } from "./attempt.ts";
import { checkFiles } from "./files.ts";
import { openLoopbackControl, type LoopbackControl } from "./loopback-control.ts";
import { checkMounts } from "./mounts.ts";
import { judgeNames, lookUpAll } from "./names.ts";
import { attemptAll, payloadsOf } from "./outbound.ts";
import type { InsidePlan } from "./plan.ts";
import { checkProcesses } from "./processes.ts";
import { checkRoutes } from "./routes.ts";
import { checkServer } from "./server.ts";

export async function runInside(plan: InsidePlan): Promise<InsideAnswer> {
  const { format, nonce } = plan;
  const control = await openLoopbackControl();
  try {
    const outbound = attemptAll(plan, control);
    if (plan.role === "twin") return { format, nonce, checks: [], outbound: await outbound };
    const hidden: string[][] = [];
    const looks = [
      guard("image-files", async () => {
        const files = await checkFiles(plan);
        hidden.push([...files.hidden]);
        return [files.check];
      }),
      guard("processes", async () => [await checkProcesses(plan)]),
      guard("read-only-root", async () => [await checkMounts(plan)]),
      guard("routes", async () => [await checkRoutes(plan)]),
      guard("names", async () => [await checkNames(plan, control)]),
      ...(plan.server === undefined ? [] : [guard("server", checkServerOf(plan, plan.server))]),
    ];
    const gateway =
      plan.gateway === undefined
        ? {}
        : { gateway: await attempt({ protocol: "tcp", ...plan.gateway }, payloadsOf(nonce)) };
    const checks = (await Promise.all(looks)).flat();
    const [closed] = hidden;
    return {
      format,
      nonce,
      checks,
      ...(closed === undefined ? {} : { hidden: closed }),
      outbound: await outbound,
      ...gateway,
    };
  } finally {
    await control.close();
  }
}

function checkServerOf(plan: InsidePlan, server: NonNullable<InsidePlan["server"]>) {
  return async (): Promise<readonly Check[]> => await checkServer(server, plan.answer);
}

async function checkNames(plan: InsidePlan, control: LoopbackControl): Promise<Check> {
  return judgeNames(await lookUpAll(plan.nonce, control));
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
