/** The suite from top to bottom: what the host sees, what a companion sees from inside, what a twin sees from an open network. */
import type { ContainerFacts } from "../shared/engine/container-facts.ts";
import type { Engine, EngineImage, EngineNetwork } from "../shared/engine/engine.ts";
import { AppError } from "../shared/errors.ts";
import type { Reporter } from "../shared/reporter.ts";
import { inconclusive, type Check } from "./check.ts";
import { complete, completionQuestion, judgeCompletion } from "./completion.ts";
import { checkClosedFiles } from "./host/closed-files.ts";
import { runCompanion, type CompanionDeps } from "./host/companion.ts";
import { judgeCompose } from "./host/compose.ts";
import { judgeGateway, openHostListener, reachFromHost } from "./host/gateway.ts";
import { judgeIdentity } from "./host/identity.ts";
import { checkModelFile } from "./host/model-file.ts";
import { judgeNetwork } from "./host/network.ts";
import { judgeSettings } from "./host/settings.ts";
import { checkSocket } from "./host/socket.ts";
import { INSIDE_CHECKS, type InsideAnswer } from "./inside/answer.ts";
import { judgeOutbound, OUTBOUND_QUESTION } from "./inside/outbound.ts";
import type { Listener } from "./inside/listener.ts";
import type { InsidePlan } from "./inside/plan.ts";
import { RESERVED_TARGETS } from "./inside/targets.ts";
import { knownAnswer } from "./known-answer.ts";
import { toReport, type VerifyNonces, type VerifyReport } from "./report/report.ts";
import type { OpenNetwork, Subject } from "./subject.ts";

export type VerifyDeps = CompanionDeps & {
  readonly engine: Pick<Engine, "archive" | "container" | "image" | "network" | "runOnce">;
  readonly reporter: Reporter;
  /** Never used before: whoever watches the outside can tell the sealed attempts from the twin's. */
  readonly nonces: VerifyNonces;
};

/** What the engine shows of the subject; undefined where it has no such thing. */
type Seen = {
  readonly container: ContainerFacts | undefined;
  readonly image: EngineImage | undefined;
  readonly network: EngineNetwork | undefined;
};

/** An answer, or why there is none. */
type Look = { readonly answer: InsideAnswer } | { readonly missing: string };

/** Throws what the engine throws where it is absent or lost; everything that only one check lacks makes that one inconclusive. */
export async function verify(
  subject: Subject,
  open: OpenNetwork | undefined,
  deps: VerifyDeps,
): Promise<VerifyReport> {
  const seen = await inspect(subject, deps.engine);
  const answer = knownAnswer(subject.model);
  deps.reporter.step("Looking from the host");
  const fromHost = await lookFromHost(subject, { seen, answer });

  deps.reporter.step("Looking from inside the container");
  const gateway = seen.network?.gateways[0];
  const listener = gateway === undefined ? undefined : await openHostListener(gateway);
  try {
    const plan = toPlan(subject, { seen, answer, open, listener, nonce: deps.nonces.sealed });
    const inside = await look(() => lookFromInside(subject, { seen, plan }, deps));
    const twin =
      open === undefined ? undefined : await look(() => lookFromOpen(subject, { seen, plan, open }, deps));
    const hidden = "answer" in inside ? inside.answer.hidden : undefined;
    const closed = await checkClosedFiles(subject, hidden, deps.engine);
    const gap = judgeGateway({
      address: gateway,
      fromHost: listener === undefined ? undefined : await reachFromHost(listener, deps.nonces.sealed),
      fromInside: "answer" in inside ? inside.answer.gateway : undefined,
    });
    const checks = [...fromHost, closed, ...insideChecks(inside), outbound(inside, twin)];
    return { ...toReport(subject.release, checks, [gap]), nonces: deps.nonces };
  } finally {
    await listener?.close();
  }
}

async function inspect(subject: Subject, engine: VerifyDeps["engine"]): Promise<Seen> {
  const container = await engine.container(subject.container);
  return {
    container,
    image: container === undefined ? undefined : await engine.image(container.imageId),
    network: await engine.network(subject.network),
  };
}

async function lookFromHost(
  subject: Subject,
  { seen, answer }: { readonly seen: Seen; readonly answer: string | undefined },
): Promise<readonly Check[]> {
  const { socketPath } = subject;
  const replies = [await complete({ socketPath }), await complete({ socketPath })];
  return [
    judgeIdentity(subject.image, seen.container, seen.image),
    judgeSettings(subject.demands, seen.container),
    judgeNetwork(subject, seen.container, seen.network),
    judgeCompose(subject.compose),
    await checkModelFile(subject.model, subject.modelPath, seen.container),
    await checkSocket(socketPath, userOf(subject)),
    judgeCompletion(completionQuestion("host", answer), replies, answer),
  ];
}

function toPlan(
  subject: Subject,
  run: {
    readonly seen: Seen;
    readonly answer: string | undefined;
    readonly open: OpenNetwork | undefined;
    readonly listener: Listener | undefined;
    readonly nonce: string;
  },
): InsidePlan {
  const [address] = run.seen.container?.ipAddresses ?? [];
  const { listener } = run;
  return {
    format: 1,
    role: "companion",
    nonce: run.nonce,
    user: userOf(subject),
    ...(address === undefined ? {} : { address }),
    mounts: subject.mounts,
    targets: [...RESERVED_TARGETS, ...(run.open?.targets ?? [])],
    ...(listener === undefined ? {} : { gateway: { address: listener.address, port: listener.port } }),
    server: { port: subject.port, alias: subject.alias },
    ...(run.answer === undefined ? {} : { answer: run.answer }),
    files: subject.files,
  };
}

function userOf({ demands }: Subject): { readonly uid: number; readonly gid: number } {
  const [uid, gid] = demands.user.split(":").map(Number);
  if (uid === undefined || gid === undefined) throw new Error(`No numeric user: ${demands.user}`);
  return { uid, gid };
}

async function lookFromInside(
  subject: Subject,
  { seen, plan }: { readonly seen: Seen; readonly plan: InsidePlan },
  deps: VerifyDeps,
): Promise<InsideAnswer> {
  const container = runningContainer(seen);
  const spaces = `container:${container.id}`;
  const place = { image: container.imageId, network: spaces, pidMode: spaces };
  return runCompanion(place, { plan, program: subject.companion }, deps);
}

async function lookFromOpen(
  subject: Subject,
  { seen, plan, open }: { readonly seen: Seen; readonly plan: InsidePlan; readonly open: OpenNetwork },
  deps: VerifyDeps,
): Promise<InsideAnswer> {
  const { twin: nonce } = deps.nonces;
  const twin: InsidePlan = { ...plan, role: "twin", nonce, targets: open.targets, files: [] };
  const place = { image: runningContainer(seen).imageId, network: open.name };
  return runCompanion(place, { plan: twin, program: subject.companion }, deps);
}

function runningContainer({ container }: Seen): ContainerFacts {
  if (container?.state === "running") return container;
  throw new AppError(
    { class: "inconclusive", code: "VERIFY_NOT_RUNNING" },
    `Cannot look from inside: the container is ${container?.state ?? "not there"}, expected it to run`,
    { hint: "`cloister up` starts it" },
  );
}

async function look(take: () => Promise<InsideAnswer>): Promise<Look> {
  try {
    return { answer: await take() };
  } catch (error) {
    const isOfThisLook =
      error instanceof AppError && (error.class === "inconclusive" || error.class === "engine");
    if (!isOfThisLook || error.code === "ENGINE_LOST") throw error;
    return { missing: error.message };
  }
}

/** The checks that were answered, and one that is inconclusive for each that was not. */
function insideChecks(inside: Look): readonly Check[] {
  const given = "answer" in inside ? inside.answer.checks : [];
  const observed = "answer" in inside ? "no such check in the companion's answer" : inside.missing;
  const missing = INSIDE_CHECKS.filter((id) => !given.some((check) => check.id === id)).map((id) =>
    inconclusive(
      { id, title: `The check "${id}"`, where: "inside", expected: "an answer from inside" },
      { observed, reason: "The check was not made" },
    ),
  );
  return [...given, ...missing];
}

function outbound(inside: Look, twin: Look | undefined): Check {
  const control = twin !== undefined && "missing" in twin ? { control: `the twin: ${twin.missing}` } : {};
  if ("missing" in inside)
    return inconclusive(OUTBOUND_QUESTION, {
      observed: inside.missing,
      ...control,
      reason: "No attempt was made",
    });
  if (twin === undefined) return judgeOutbound(inside.answer.outbound);
  if ("answer" in twin) return judgeOutbound(inside.answer.outbound, twin.answer.outbound);
  const alone = judgeOutbound(inside.answer.outbound);
  return alone.verdict === "fail"
    ? alone
    : inconclusive(OUTBOUND_QUESTION, {
        ...alone,
        ...control,
        reason: "The twin on the open network gave no answer",
      });
}
