import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { readReleaseManifest } from "../appliance/release-files.ts";
import {
  composeFileOf,
  GATEWAY_PORT,
  nameOf,
  SEALED_NETWORK,
  stackOf,
  type Service,
  type StackContainer,
  type Topology,
} from "../appliance/stack.ts";
import {
  currentRelease,
  gatewaySocket,
  modelSocket,
  releaseFolder,
  witnessSocket,
} from "../appliance/state.ts";
import type { ApplianceManifest, ApplianceModel } from "../shared/appliance/manifest.ts";
import { modelAlias } from "../shared/appliance/model-alias.ts";
import type { Engine } from "../shared/engine/engine.ts";
import { AppError } from "../shared/errors.ts";
import { writeFileWhole } from "../shared/file.ts";
import { parseImageFileList } from "../verify/image-files.ts";
import { parseTarget } from "../verify/inside/targets.ts";
import { renderJunit } from "../verify/report/junit.ts";
import { renderTable } from "../verify/report/table.ts";
import { verify } from "../verify/run.ts";
import type { OpenNetwork, Stack, Subject } from "../verify/subject.ts";
import type { Command, CommandInput, Outcome } from "./command.ts";
import { ENGINE_OPTION, engineOf, STATE_OPTION, stateRootOf } from "./far-side.ts";
import { auditView } from "./verify/audit-view.ts";

/** What compose/services.yaml mounts. */
const MODEL_MOUNT = "/models/model.gguf";
const MOUNTS: Readonly<Record<Service, Subject["mounts"]>> = {
  model: [
    { path: MODEL_MOUNT, writable: false },
    { path: "/run/cloister", writable: true },
  ],
  gateway: [
    { path: "/etc/cloister/gateway.json", writable: false },
    { path: "/run/cloister/model", writable: false },
    { path: "/run/cloister/witness", writable: false },
    { path: "/run/cloister/gateway", writable: true },
    { path: "/var/lib/cloister/log", writable: true },
    { path: "/var/lib/cloister/keys", writable: true },
  ],
  witness: [
    { path: "/run/cloister/witness", writable: true },
    { path: "/var/lib/cloister/witness", writable: true },
  ],
  pause: [],
};

const OUTCOMES = { pass: "pass", fail: "failed-check", inconclusive: "inconclusive" } as const;

export const verifyCommand: Command = {
  name: "verify",
  side: "cloister",
  summary: "look at the running release from the host and from inside each of its containers",
  usage: "[--state DIR] [--engine ADDRESS] [--open-network NAME --target ADDRESS:PORT…] [--junit FILE]",
  options: {
    state: STATE_OPTION,
    engine: ENGINE_OPTION,
    "open-network": {
      type: "string",
      value: "NAME",
      help: "a network that does reach the targets: a twin container makes the same attempts from there",
    },
    target: {
      type: "string",
      multiple: true,
      value: "ADDRESS:PORT",
      help: "what must be reached from the open network and not from inside; [v6]:PORT and udp:… too; repeatable",
    },
    junit: { type: "string", value: "FILE", help: "write the results as JUnit XML as well" },
  },
  positionals: { minimum: 0, maximum: 0 },
  details: [
    "Compares each running container with its appliance: image identity and every file in it, the model's sha256, user,",
    "capabilities, mounts, routes and settings; tries to get out and to resolve names; asks the gateway for its health, its",
    "models and one completion at temperature 0, and looks for both in the audit log, which must verify. Each attempt to get out",
    "stands beside a control that must get through. From inside it looks through a container made for the moment, of the same",
    "image and without any power.",
    "",
    "A check that could not be made is inconclusive and never counts as a pass. What is known not to hold yet is listed",
    "under known gaps. Exit codes: 8 where a check failed, 9 where none failed and one is inconclusive, 5 where nothing is loaded.",
  ].join("\n"),
  async run(input, context): Promise<Outcome> {
    const root = stateRootOf(input, context);
    const open = readOpenNetwork(input);
    const engine = await engineOf(input, context);
    const stack = await readStack(root, engine);
    const report = await verify(stack, open, {
      engine,
      scratch: join(root, "run"),
      reporter: context.reporter,
      signal: context.signal,
      nonces: { sealed: randomBytes(8).toString("hex"), twin: randomBytes(8).toString("hex") },
    });
    const junit = input.text("junit");
    if (junit !== undefined)
      await writeFileWhole(resolve(context.cwd, junit), [Buffer.from(renderJunit(report))]);
    return { data: report, text: renderTable(report), verdict: OUTCOMES[report.verdict] };
  },
};

/** Throws AppError OPEN_NETWORK_INCOMPLETE, TARGET_INVALID (usage). */
function readOpenNetwork(input: CommandInput): OpenNetwork | undefined {
  const name = input.text("open-network");
  const targets = input.list("target").map(parseTarget);
  if (name !== undefined && targets.length > 0) return { name, targets };
  if (name === undefined && targets.length === 0) return undefined;
  throw new AppError(
    { class: "usage", code: "OPEN_NETWORK_INCOMPLETE" },
    `Cannot compare with an open network: ${name === undefined ? "no network is named" : "no target is named"}, expected both`,
    { hint: "--open-network NAME --target ADDRESS:PORT: something that answers there" },
  );
}

async function readStack(root: string, engine: Engine): Promise<Stack> {
  const release = await currentRelease(root);
  const folder = releaseFolder(root, release.id);
  const manifest = await readReleaseManifest(root, release);
  const pinned = await runningModel(manifest, engine);
  if (pinned === undefined) throw nothingToVerify("model");
  const topology = await runningTopology(engine);
  const read = (path: string) => readFile(join(folder, path), "utf8");
  const log = auditView(root);
  const before = await log.counts();
  return {
    release: release.id,
    services: await Promise.all(
      stackOf(topology).map(async (one) => await subjectOf(one, { root, folder, manifest, pinned, read })),
    ),
    compose: [await read(composeFileOf(topology)), await read("compose/services.yaml")],
    companion: {
      folder: join(folder, "bin"),
      command: ["/opt/cloister/node", "/opt/cloister/cloister.mjs", "verify-inside"],
    },
    reserved: [{ folder: dirname(modelSocket(root)), containers: [nameOf("model"), nameOf("gateway")] }],
    after: async (asked) => await log.judge(before, asked),
  };
}

type Release = {
  readonly root: string;
  readonly folder: string;
  readonly manifest: ApplianceManifest;
  readonly pinned: ApplianceModel;
  readonly read: (path: string) => Promise<string>;
};

async function subjectOf(one: StackContainer, release: Release): Promise<Subject> {
  const { service, container, demands } = one;
  const { root, folder, manifest, pinned, read } = release;
  const image = manifest.images.find(({ name }) => name === one.image);
  if (image === undefined) throw nothingToVerify(`image "${one.image}"`);
  const [network] = demands.networks.filter((name) => name === SEALED_NETWORK);
  const common = {
    service,
    container,
    image,
    files: parseImageFileList(await read(image.files), image.files).files,
    demands,
    mounts: MOUNTS[service],
    ...(network === undefined ? {} : { network }),
  };
  switch (service) {
    case "model":
      return { ...common, socketPath: modelSocket(root), model: { pinned, path: join(folder, pinned.path) } };
    case "gateway": {
      const server = { port: GATEWAY_PORT, alias: modelAlias(pinned), pinned, denied: "/slots" };
      return { ...common, socketPath: gatewaySocket(root), server };
    }
    case "witness":
      return { ...common, socketPath: witnessSocket(root) };
    case "pause":
      return common;
  }
}

/** By what runs: the one in whose namespace the gateway is, if it is in any. */
async function runningTopology(engine: Engine): Promise<Topology> {
  const gateway = await engine.container(nameOf("gateway"));
  return gateway?.networkMode.startsWith("container:") === true ? "none" : "internal";
}

/** The model whose file the running container was given; the first one where nothing runs, so that there is something to look for. */
async function runningModel(
  manifest: ApplianceManifest,
  engine: Engine,
): Promise<ApplianceModel | undefined> {
  const facts = await engine.container(nameOf("model"));
  const source = facts?.mounts.find(({ target }) => target === MODEL_MOUNT)?.source;
  return manifest.models.find(({ path }) => source?.endsWith(path) === true) ?? manifest.models[0];
}

function nothingToVerify(what: string): AppError {
  return new AppError(
    { class: "inconclusive", code: "NOTHING_TO_VERIFY" },
    `Cannot verify the release: it has no ${what}, expected one`,
    { hint: "An appliance gets its model with `cloister build --model FILE`" },
  );
}
