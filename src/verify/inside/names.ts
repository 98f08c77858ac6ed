import { lookup, Resolver } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { fail, inconclusive, pass, summarize, type Check, type Question } from "../check.ts";
import { CONTROL_ANSWER } from "./control-answer.ts";
import { LOOPBACK, type LoopbackControl } from "./loopback-control.ts";
import { parseNameservers } from "./procfs.ts";

const QUESTION: Question = {
  id: "names",
  title: "No outside name resolves",
  where: "inside",
  expected:
    "no answer and no NXDOMAIN for names never asked before: an NXDOMAIN too is an answer from outside",
};

/** An address, or Node's name of the error. */
type LookupOutcome = string;

export type NamesView = {
  readonly system: LookupOutcome;
  readonly direct: readonly { readonly server: string; readonly outcome: LookupOutcome }[];
  /** The system's resolver on "localhost", and the direct lookup on the suite's own responder. */
  readonly systemControl: LookupOutcome;
  readonly directControl: LookupOutcome;
};

/** The server does not say that it knows: it is not there, or refuses on its own account. */
const SILENT = [
  "ETIMEOUT",
  "ECONNREFUSED",
  "EREFUSED",
  "ESERVFAIL",
  "EAI_AGAIN",
  "EAI_FAIL",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "no nameserver",
];
const TRIES = { timeout: 2_000, tries: 2 };

export async function lookUpAll(nonce: string, control: LoopbackControl): Promise<NamesView> {
  const servers = parseNameservers(await readFile("/etc/resolv.conf", "utf8"));
  const name = (kind: string) => `${kind}-${nonce}.cloister-probe.example`;
  const [system, systemControl, directControl, ...direct] = await Promise.all([
    lookUpBySystem(name("s")),
    lookUpBySystem("localhost"),
    lookUpAt(`${LOOPBACK}:${control.udpPort}`, name("c")),
    ...servers.map((server, index) => lookUpAt(server, name(`d${index}`))),
  ]);
  return {
    system,
    systemControl,
    directControl,
    direct: direct.map((outcome, index) => ({ server: servers[index] ?? "", outcome })),
  };
}

export function judgeNames(view: NamesView): Check {
  const outcomes = [
    `system resolver: ${view.system}`,
    ...view.direct.map((one) => `${one.server}: ${one.outcome}`),
  ];
  const control = `system resolver on localhost: ${view.systemControl}; same lookup at the suite's own responder: ${view.directControl}`;
  const answer = { observed: summarize(outcomes), control };
  const answered = [view.system, ...view.direct.map(({ outcome }) => outcome)].filter(
    (one) => !SILENT.includes(one),
  );
  if (answered.length > 0)
    return fail(QUESTION, { ...answer, reason: `Somebody answered: ${summarize(answered)}` });
  if (view.directControl !== CONTROL_ANSWER || view.systemControl !== LOOPBACK)
    return inconclusive(QUESTION, { ...answer, reason: "The lookups' own control did not resolve" });
  return pass(QUESTION, {
    ...answer,
    reason:
      view.direct.length === 0 ? "No nameserver is configured, and nothing resolves" : "No server answered",
  });
}

async function lookUpBySystem(name: string): Promise<LookupOutcome> {
  try {
    return (await lookup(name, { family: 4 })).address;
  } catch (error) {
    return codeOf(error);
  }
}

async function lookUpAt(server: string, name: string): Promise<LookupOutcome> {
  const resolver = new Resolver(TRIES);
  resolver.setServers([server]);
  try {
    return (await resolver.resolve4(name))[0] ?? "an empty answer";
  } catch (error) {
    return codeOf(error);
  }
}

function codeOf(error: unknown): LookupOutcome {
  if (error instanceof Error && "code" in error) return String(error.code);
  throw error;
}
