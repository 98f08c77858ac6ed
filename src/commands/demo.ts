import { mkdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { gatewaySocket } from "../appliance/state.ts";
import { connectEngine } from "../shared/engine/engine.ts";
import { exec } from "../shared/exec.ts";
import { writeFileWhole } from "../shared/file.ts";
import { ECHO_ANSWER, echoModel } from "../shared/gguf/echo-model.ts";
import { writeGguf } from "../shared/gguf/write.ts";
import type { Reporter } from "../shared/reporter.ts";
import { VERSION } from "../shared/version.ts";
import { renderTable } from "../verify/report/table.ts";
import { isVerifyReport, type VerifyReport } from "../verify/report/report.ts";
import { OTHER_WEB, PORTS, RESOLVER, WEB } from "../world/addresses.ts";
import { createWorld, removeKept, requireWorld, type World } from "../world/world.ts";
import { buildCommand } from "./build.ts";
import { toInput, type Command, type CommandContext, type CommandInput, type Outcome } from "./command.ts";
import { showAudit, type AuditShown } from "./demo/audit.ts";
import { chatOnce, type Chat } from "./demo/chat.ts";
import { openFarSide, type FarSide } from "./demo/far-side.ts";
import { judgeOutside, type OutsideVerdict } from "./demo/outside.ts";
import { fetchCommand } from "./fetch.ts";
import { STORE_OPTION } from "./workshop.ts";

export const demoCommand: Command = {
  name: "demo",
  side: "either",
  summary: "all of it on this machine, in network namespaces, touching no real network but the mirrors",
  usage: "[--model FILE] [--out DIR] [--keep] [--store DIR]  |  demo --remove",
  options: {
    model: {
      type: "string",
      value: "FILE",
      help: "a GGUF file (else a tiny one is made, which always says the same)",
    },
    out: { type: "string", value: "DIR", help: "where the appliance, SBOM, sums and results go (./out)" },
    keep: { type: "boolean", help: "leave the stack running and say how to look around" },
    remove: { type: "boolean", help: "take away what --keep left" },
    store: STORE_OPTION,
  },
  positionals: { minimum: 0, maximum: 0 },
  details: `Fetches the locked inputs, builds the appliance, and plays the air-gapped side with what the appliance carries: check, load, up,
a chat, verify, a proven export of the audit log, down, remove, in a network namespace with a real engine whose only wire leads to another namespace that plays the
Internet and writes down every packet. A twin container on an open network does what the sealed one does, and must get through.
Needs root and Debian's docker.io, iproute2, tcpdump and others; ./cloister installs them. The first run compiles llama.cpp.

Exit codes: 5 this machine is not fit; 8 a check failed, or a packet got out; 9 a check or the control could not be made.`,
  run,
};

/** Something answers there in the world's outside, and must not be reached from a sealed container. */
const TARGETS = [`${WEB.v4}:${PORTS.http}`, `${OTHER_WEB}:${PORTS.tls}`, `udp:${RESOLVER}:${PORTS.dns}`];
const OPEN_NETWORK = "cloister-demo-open";

type Played = {
  readonly chat: Chat;
  readonly report: VerifyReport;
  readonly audit: AuditShown;
  readonly outside: OutsideVerdict;
};

async function run(input: CommandInput, context: CommandContext): Promise<Outcome> {
  if (input.flag("remove")) return removed(await removeKept());
  await requireWorld();
  const { reporter, signal } = context;
  const out = resolve(context.cwd, input.text("out") ?? "out");
  const store = input.text("store");
  await mkdir(out, { recursive: true });
  reporter.step("Fetch what the locks name (240 MB the first time)");
  await fetchCommand.run(toInput({ store }, []), context);

  const model = input.text("model") ?? (await makeEchoModel(out, reporter));
  const appliance = join(out, `cloister-${VERSION}-cpu.tar`);
  reporter.step("Build the appliance (the first time llama.cpp is compiled: 11 minutes on two free cores)");
  const built = await buildCommand.run(toInput({ store, model, out: appliance }, []), context);
  await exec("tar", ["-xf", appliance, "-C", out, "SBOM", "SHA256SUMS"]);

  reporter.step("Make a host and an Internet out of network namespaces");
  const world = await createWorld({ engine: true });
  let kept = false;
  try {
    signal.throwIfAborted();
    const far = await openFarSide(world, appliance, context);
    const played = await play({ world, far, appliance, out }, context);
    if (input.flag("keep")) {
      await world.keep();
      kept = true;
    } else {
      await end(far);
    }
    const ending = kept ? howToLookAround(world, far) : "Taken down and removed; the world is gone";
    return outcome(played, { built, out, ending });
  } finally {
    if (!kept) await world.destroy();
  }
}

type Stage = {
  readonly world: World;
  readonly far: FarSide;
  readonly appliance: string;
  readonly out: string;
};

async function play({ world, far, appliance, out }: Stage, { reporter }: CommandContext): Promise<Played> {
  await far.run(["check", appliance]);
  await far.run(["load", appliance]);
  const identity = join(out, "log-identity.txt");
  await rm(identity, { force: true });
  await far.run(["up", "--log-new-key", identity]);
  reporter.step("Chat");
  const chat = await chatOnce(gatewaySocket(far.stateRoot));
  reporter.note(`${JSON.stringify(chat.question)} -> ${JSON.stringify(chat.answer)}`);
  const alone = reportOf((await far.run(["verify"], [8, 9])).data);
  const sealed = await world.events();

  const engine = await connectEngine(world.engineAddress);
  await engine.createNetwork({ name: OPEN_NETWORK, internal: false, labels: {} });
  const targets = TARGETS.flatMap((target) => ["--target", target]);
  const junit = join(out, "verify.xml");
  const verify = ["verify", "--open-network", OPEN_NETWORK, ...targets, "--junit", junit];
  const report = reportOf((await far.run(verify, [8, 9])).data);
  await engine.removeNetwork(OPEN_NETWORK);
  await writeFileWhole(join(out, "verify.json"), `${JSON.stringify(report, undefined, 2)}\n`);
  const after = (await world.events()).slice(sealed.length);
  const nonces = { sealed: [alone.nonces.sealed, report.nonces.sealed], twin: report.nonces.twin };
  const audit = await showAudit(far, { chat, identity, out });
  return { chat, report, audit, outside: judgeOutside({ sealed, after }, nonces) };
}

type DemoReport = VerifyReport & Required<Pick<VerifyReport, "nonces">>;

function reportOf(data: unknown): DemoReport {
  if (!isVerifyReport(data) || data.nonces === undefined) throw new Error("verify --json printed no report");
  return { ...data, nonces: data.nonces };
}

async function end(far: FarSide): Promise<void> {
  await far.run(["down"]);
  await far.run(["remove", "--audit-log"]);
}

function howToLookAround(world: World, far: FarSide): string {
  return [
    "It still runs. To look around:",
    `  curl --unix-socket ${gatewaySocket(far.stateRoot)} http://localhost/v1/models`,
    `  nsenter --net=/run/netns/${world.hostNamespace} docker -H ${world.engineAddress} ps`,
    "To take it away: cloister demo --remove",
  ].join("\n");
}

async function makeEchoModel(out: string, reporter: Reporter): Promise<string> {
  const path = join(out, "echo.gguf");
  await writeFileWhole(path, writeGguf(echoModel()));
  reporter.note(
    `The model is made here from nothing: 880 KB that answer everything with ${JSON.stringify(ECHO_ANSWER)}`,
  );
  return path;
}

function outcome(
  { chat, report, audit, outside }: Played,
  { built, out, ending }: { readonly built: Outcome; readonly out: string; readonly ending: string },
): Outcome {
  const verdicts = [verdictOf(report), outside.verdict, verdictOfAudit(audit)];
  return {
    data: { appliance: built.data, out, chat, verify: report, audit, outside },
    text: [
      renderTable(report),
      "",
      `chat       ${JSON.stringify(chat.question)} -> ${JSON.stringify(chat.answer)}`,
      `audit log  ${audit.verdict}: ${audit.records} records, ${audit.cosigned} cosigned checkpoints; ${audit.hasChat ? "the chat is in it, opened with log-identity.txt" : "the chat is NOT in it"}`,
      `export     ${audit.export}: ${audit.proven ? "proven" : "NOT proven"} by its own log-verify.mjs`,
      `sealed     ${outside.sealed} packets reached the outside${outside.leaks.length > 0 ? `: ${outside.leaks.join(", ")}` : ""}`,
      `twin       from an open network its nonce reached ${outside.receivers.join(", ") || "nobody"}`,
      `appliance  ${built.text.split("\n").join("\n           ")}`,
      `results    ${out}: SBOM/, SHA256SUMS, verify.json, verify.xml, log-export/, log-identity.txt`,
      ending,
    ].join("\n"),
    verdict: worst(verdicts),
  };
}

function verdictOf(report: VerifyReport): "pass" | "failed-check" | "inconclusive" {
  return report.verdict === "fail" ? "failed-check" : report.verdict;
}

function verdictOfAudit({ verdict, cosigned, hasChat, proven }: AuditShown): "pass" | "failed-check" {
  const isGood = ["OK", "OK_UNANCHORED"].includes(verdict) && cosigned > 0 && hasChat && proven;
  return isGood ? "pass" : "failed-check";
}

function worst(
  verdicts: readonly ("pass" | "failed-check" | "inconclusive")[],
): "pass" | "failed-check" | "inconclusive" {
  if (verdicts.includes("failed-check")) return "failed-check";
  return verdicts.includes("inconclusive") ? "inconclusive" : "pass";
}

function removed(ids: readonly string[]): Outcome {
  return {
    data: { removed: ids },
    text: ids.length === 0 ? "No kept world is left on this machine" : `Took away ${ids.join(", ")}`,
  };
}
