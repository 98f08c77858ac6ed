/**
 * Stands in for llama-server in its own tests: takes the options that a test gives, puts a tiny model in place of the one that the test
 * would download, and runs the real server, either as it is or behind the gateway on the port that the test asks.
 *
 *   node bench/gateway/llama-server-child.ts direct|gateway FOLDER SERVER OPTIONS...
 */
import { createHash } from "node:crypto";
import { mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startProgram } from "../../src/shared/program.ts";
import { ROUTES } from "../../src/gateway/routes/table.ts";
import { prepareGateway } from "./gateway.ts";
import { environment } from "./processes.ts";

const [how = "", folder = "", server = "", ...given] = process.argv.slice(2);
/** Options that name a model somewhere else, each with one value. */
const ELSEWHERE = ["--hf-repo", "--hf-file", "--model", "--model-url", "--model-draft", "--mmproj-url"];
/** The tiny models spell, where those of the tests know words: the same text is so many times longer to them. */
const TOKENS_PER_WORD = 4;

const wanted = parse(given);
const isEmbedding = given.includes("--embedding") || given.includes("--reranking");
const model = join(folder, isEmbedding ? "embedding.gguf" : "chat.gguf");
if (how === "direct") await runServer([...wanted.rest, ...wanted.door, ...wanted.key]);
else await runBehindGateway();

function parse(words: readonly string[]) {
  const found = {
    rest: [] as string[],
    door: [] as string[],
    key: [] as string[],
    port: 0,
    alias: "",
    apiKey: "",
  };
  for (let index = 0; index < words.length; index += 1) {
    const [word = "", value = ""] = words.slice(index, index + 2);
    if (ELSEWHERE.includes(word)) index += 1;
    else if (word === "--host" || word === "--port") {
      found.door.push(word, value);
      if (word === "--port") found.port = Number(value);
      index += 1;
    } else if (word === "--api-key") {
      found.key.push(word, value);
      found.apiKey = value;
      index += 1;
    } else if (word === "--ctx-size") {
      found.rest.push(word, String(Number(value) * TOKENS_PER_WORD));
      index += 1;
    } else {
      found.rest.push(word);
      if (word === "--alias") found.alias = value;
    }
  }
  return found;
}

async function runServer(args: readonly string[]): Promise<never> {
  const llama = await startLlama(args);
  return await endWith(llama.ended, [llama]);
}

async function runBehindGateway(): Promise<never> {
  const own = await mkdtemp(join(folder, "behind-"));
  const socket = join(own, "llama.sock");
  const llama = await startLlama([...wanted.rest, "--host", socket, "--metrics"]);
  const clients = join(own, "clients.json");
  const sha256 = createHash("sha256").update(wanted.apiKey).digest("hex");
  await writeFile(clients, JSON.stringify([{ id: "test", sha256 }]));
  const gateway = await prepareGateway({
    folder: own,
    port: wanted.port,
    upstreamSocket: socket,
    alias: wanted.alias === "" ? "model" : wanted.alias,
    native: [...new Set(ROUTES.filter(({ native }) => native === true).map(({ name }) => name))],
    ...(wanted.apiKey === "" ? {} : { clients }),
  });
  await gateway.launch();
  return await endWith(Promise.race([llama.ended, gateway.program().ended]), [gateway.program(), llama]);
}

async function startLlama(args: readonly string[]) {
  // When this process is killed, so is the server.
  const isTold = args.some((word) => word.startsWith("--chat-template"));
  const template = isTold ? [] : ["--chat-template", "chatml"];
  const command = [
    "--pdeathsig",
    "KILL",
    join(server, "llama-server"),
    "--model",
    model,
    "--offline",
    ...template,
    ...args,
  ];
  return await startProgram("setpriv", command, {
    env: environment({ LD_LIBRARY_PATH: server, ...fakeTiming() }),
    onLine: (line) => process.stdout.write(`${line}\n`),
  });
}

function fakeTiming(): Readonly<Record<string, string>> {
  const value = process.env["LLAMA_SERVER_DEBUG_FAKE_TIMING"];
  return value === undefined ? {} : { LLAMA_SERVER_DEBUG_FAKE_TIMING: value };
}

type Running = Awaited<ReturnType<typeof startLlama>>;

/** Lives as long as they do, and ends them when it is told to end. */
async function endWith(ended: Promise<unknown>, programs: readonly Running[]): Promise<never> {
  process.on("SIGTERM", () => void Promise.all(programs.map((program) => program.stop(3_000))));
  await ended;
  await Promise.all(programs.map((program) => program.stop(1_000)));
  return process.exit(0);
}
