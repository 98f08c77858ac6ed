import { resolve } from "node:path";
import { TOPOLOGIES, type Topology } from "../appliance/stack.ts";
import { up } from "../appliance/up.ts";
import { AppError } from "../shared/errors.ts";
import type { Command, CommandContext, CommandInput, Outcome } from "./command.ts";
import { ENGINE_OPTION, engineOf, STATE_OPTION, stateRootOf } from "./far-side.ts";
import { AUDIT_OPTIONS, auditWishesOf } from "./up/audit-options.ts";

const DEFAULT_TIMEOUT_S = 600;

export const upCommand: Command = {
  name: "up",
  side: "cloister",
  summary: "start the current release",
  usage:
    "[--log-recipient AGE… | --log-new-key FILE | --log-plain] [--model NAME|SHA256] [--topology internal|none] [--client NAME]… [--state DIR]",
  options: {
    model: {
      type: "string",
      value: "MODEL",
      help: "which of the appliance's models: a name, or how its sha256 begins",
    },
    topology: {
      type: "string",
      value: "TOPOLOGY",
      help: "internal: the gateway on an internal network; none: no container has one (internal)",
    },
    client: {
      type: "string",
      multiple: true,
      value: "NAME",
      help: "make a key for this client, in clients/NAME.key; from the first on, TCP asks for one; repeatable",
    },
    ...AUDIT_OPTIONS,
    timeout: {
      type: "string",
      value: "SECONDS",
      help: `how long the model may take to load (${DEFAULT_TIMEOUT_S})`,
    },
    state: STATE_OPTION,
    engine: ENGINE_OPTION,
  },
  positionals: { minimum: 0, maximum: 0 },
  details: `Hashes the model again, starts the stack of compose/ with the release's own Compose, waits until model and gateway answer,
and compares what the engine really made (user, capabilities, networks, limits) with what was demanded.
Where any of that fails, what was started is taken down again.

Every prompt and completion is logged. The first time, say who can read the log: age recipients whose identity is kept elsewhere,
or --log-plain. What is said of the log is kept for the next time.

Exit codes: 3 model or release differ from what was loaded; 5 nothing is loaded, the model is not clear, or nobody can read the log;
6 model or gateway do not answer; 7 the engine's images differ; 8 a demand is not met; 10 what was started could not be stopped.`,
  run,
};

async function run(input: CommandInput, context: CommandContext): Promise<Outcome> {
  const engine = await engineOf(input, context);
  const stateRoot = stateRootOf(input, context);
  const running = await up(
    {
      stateRoot,
      topology: topologyOf(input),
      model: input.text("model"),
      audit: auditWishesOf(input, (path) => resolve(context.cwd, path)),
      clients: input.list("client"),
      timeoutMs: timeoutMs(input),
    },
    { ...context, engine },
  );
  const { log } = running;
  return {
    data: running,
    text: [
      `up: release ${running.releaseId}, topology ${running.topology}, model ${running.model.alias} (${running.model.sha256})`,
      `audit log: ${log.folder}, ${log.content}${log.recipients.map((one) => ` to ${one}`).join(",")}, mode ${log.mode}, text kept ${daysOf(log.retention.content)}`,
      `curl --unix-socket ${running.socket} http://localhost/v1/models`,
    ].join("\n"),
  };
}

function daysOf(content: number | "session"): string {
  return content === "session" ? "for the session" : `${content} days`;
}

function topologyOf(input: CommandInput): Topology {
  const text = input.text("topology") ?? "internal";
  const topology = TOPOLOGIES.find((one) => one === text);
  if (topology !== undefined) return topology;
  throw new AppError(
    { class: "usage", code: "OPTION_INVALID" },
    `Cannot use --topology "${text}": expected ${TOPOLOGIES.join(" or ")}`,
  );
}

function timeoutMs(input: CommandInput): number {
  const text = input.text("timeout") ?? String(DEFAULT_TIMEOUT_S);
  if (/^\d{1,5}$/.test(text) && Number(text) > 0) return Number(text) * 1000;
  throw new AppError(
    { class: "usage", code: "OPTION_INVALID" },
    `Cannot use --timeout "${text}": expected seconds from 1 to 99999`,
  );
}
