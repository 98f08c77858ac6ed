/** One container: what the host sees, what a companion sees from inside, what a twin sees from an open network. */
import type { ContainerFacts } from "../shared/engine/container-facts.ts";
import type { Engine, EngineImage, EngineNetwork } from "../shared/engine/engine.ts";
import { AppError } from "../shared/errors.ts";
import type { Reporter } from "../shared/reporter.ts";
import { inconclusive, type Check, type KnownGap } from "./check.ts";
import { complete, completionQuestion, judgeCompletion } from "./completion.ts";
import { checkClosedFiles } from "./host/closed-files.ts";
import { runCompanion, type CompanionDeps } from "./host/companion.ts";
import { judgeGateway, openHostListener, reachFromHost } from "./host/gateway.ts";
import { judgeIdentity } from "./host/identity.ts";
import { checkModelFile } from "./host/model-file.ts";
import { judgeNetwork } from "./host/network.ts";
import { judgeSettings } from "./host/settings.ts";
import { checkSocket } from "./host/socket.ts";
import { INSIDE_CHECKS, SERVER_CHECKS, type InsideAnswer } from "./inside/answer.ts";
import { judgeOutbound, OUTBOUND_QUESTION } from "./inside/outbound.ts";
import type { Listener } from "./inside/listener.ts";
import type { InsidePlan } from "./inside/plan.ts";
import { RESERVED_TARGETS } from "./inside/targets.ts";
import { knownAnswer } from "./known-answer.ts";
import type { CompanionProgram, OpenNetwork, Subject } from "./subject.ts";

export type ServiceDeps = CompanionDeps & {
  readonly engine: Pick<Engine, "archive" | "container" | "image" | "network" | "runOnce">;
  readonly reporter: Reporter;
  readonly companion: CompanionProgram;
  readonly open: OpenNetwork | undefined;
  /** In every attempt from inside. */
  readonly nonce: string;
  /** The same attempts from the open network, made once for all services; undefined where no such network was named. */
  readonly twin: (like: { readonly plan: InsidePlan; readonly image: string }) => Promise<Look> | undefined;
};

export type ServiceLook = {
  readonly checks: readonly Check[];
  readonly gaps: readonly KnownGap[];
  /** Completions that were asked for. */
  readonly asked: number;
};

/** What the engine shows of the subject; undefined where it has no such thing. */
type Seen = {
  readonly container: ContainerFacts | undefined;
  /** Whose network namespace it shares. */
  readonly owner: ContainerFacts | undefined;
  readonly image: EngineImage | undefined;
  readonly network: EngineNetwork | undefined;
};

/** An answer, or why there is none. */
export type Look = { readonly answer: InsideAnswer } | { readonly missing: string };

/** Throws what the engine throws where it is absent or lost; everything that only one check lacks makes that one inconclusive. */
export async function verifyService(subject: Subject, deps: ServiceDeps): Promise<ServiceLook> {
  const { service } = subject;
  const seen = await inspect(subject, deps.engine);
  const answer = subject.server === undefined ? undefined : knownAnswer(subject.server.pinned);
  deps.reporter.step(`Looking at ${service} from the host`);
  const fromHost = await lookFromHost(subject, { seen, answer });

  deps.reporter.step(`Looking at ${service} from inside its container`);
  const address = seen.network?.gateways[0];
  const listener = address === undefined ? undefined : await openHostListener(address);
  try {
    const plan = toPlan(subject, { seen, answer, open: deps.open, listener, nonce: deps.nonce });
    const inside = await look(() => lookFromInside(subject, { seen, plan }, deps));
    const twin =
      seen.container === undefined ? undefined : await deps.twin({ plan, image: seen.container.imageId });
    const hidden = "answer" in inside ? inside.answer.hidden : undefined;
    const closed = await checkClosedFiles(subject, hidden, deps.engine);
    const checks = [...fromHost.checks, closed, ...insideChecks(inside, plan), outbound(inside, twin)];
    return {
      checks,
      gaps:
        subject.network === undefined ? [] : [await gapOf({ address, listener, inside, nonce: deps.nonce })],
      asked: fromHost.asked + (plan.server === undefined || "missing" in inside ? 0 : COMPLETIONS),
    };
  } finally {
    await listener?.close();
  }
}

/** Asked each time, so that they can be compared with one another. */
const COMPLETIONS = 2;

async function gapOf(of: {
  readonly address: string | undefined;
  readonly listener: Listener | undefined;
  readonly inside: Look;
  readonly nonce: string;
}): Promise<KnownGap> {
  const { address, listener, inside, nonce } = of;
  return judgeGateway({
    address,
    fromHost: listener === undefined ? undefined : await reachFromHost(listener, nonce),
    fromInside: "answer" in inside ? inside.answer.gateway : undefined,
  });
}

async function inspect(subject: Subject, engine: ServiceDeps["engine"]): Promise<Seen> {
  const { networkOf } = subject.demands;
  const container = await engine.container(subject.container);
  return {
    container,
    owner: networkOf === undefined ? undefined : await engine.container(networkOf),
    image: container === undefined ? undefined : await engine.image(container.imageId),
    network: subject.network === undefined ? undefined : await engine.network(subject.network),
  };
}

async function lookFromHost(
  subject: Subject,
  { seen, answer }: { readonly seen: Seen; readonly answer: string | undefined },
): Promise<{ readonly checks: readonly Check[]; readonly asked: number }> {
  const { socketPath, model, server, network } = subject;
  const asks = socketPath !== undefined && server !== undefined;
  const replies = asks ? [await complete({ socketPath }), await complete({ socketPath })] : [];
  return {
    checks: [
      judgeIdentity(subject.image, seen.container, seen.image),
      judgeSettings(subject.demands, seen.container, seen.owner),
      ...(network === undefined
        ? []
        : [judgeNetwork({ container: subject.container, neighbours: [] }, seen.container, seen.network)]),
      ...(model === undefined ? [] : [await checkModelFile(model.pinned, model.path, seen.container)]),
      ...(socketPath === undefined ? [] : [await checkSocket(socketPath, userOf(subject))]),
      ...(asks ? [judgeCompletion(completionQuestion("host", answer), replies, answer)] : []),
    ],
    asked: replies.length,
  };
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
  const { server } = subject;
  return {
    format: 1,
    role: "companion",
    nonce: run.nonce,
    user: userOf(subject),
    ...(address === undefined ? {} : { address }),
    mounts: subject.mounts,
    targets: [...RESERVED_TARGETS, ...(run.open?.targets ?? [])],
    ...(listener === undefined ? {} : { gateway: { address: listener.address, port: listener.port } }),
    ...(server === undefined ? {} : { server: { port: server.port, alias: server.alias } }),
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
  deps: ServiceDeps,
): Promise<InsideAnswer> {
  const container = runningContainer(seen);
  const spaces = `container:${container.id}`;
  // Docker gives no second container a network namespace that is itself another's: then it is that other one's.
  const network = seen.owner === undefined ? spaces : `container:${seen.owner.id}`;
  const name = `cloister-verify-${subject.service}-${plan.nonce}`;
  const place = { name, image: container.imageId, network, pidMode: spaces };
  return runCompanion(place, { plan, program: deps.companion }, deps);
}

function runningContainer({ container }: Seen): ContainerFacts {
  if (container?.state === "running") return container;
  throw new AppError(
    { class: "inconclusive", code: "VERIFY_NOT_RUNNING" },
    `Cannot look from inside: the container is ${container?.state ?? "not there"}, expected it to run`,
    { hint: "`cloister up` starts it" },
  );
}

export async function look(take: () => Promise<InsideAnswer>): Promise<Look> {
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
function insideChecks(inside: Look, { server }: InsidePlan): readonly Check[] {
  const given = "answer" in inside ? inside.answer.checks : [];
  const observed = "answer" in inside ? "no such check in the companion's answer" : inside.missing;
  const due = server === undefined ? INSIDE_CHECKS : [...INSIDE_CHECKS, ...SERVER_CHECKS];
  const missing = due
    .filter((id) => !given.some((check) => check.id === id))
    .map((id) =>
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
