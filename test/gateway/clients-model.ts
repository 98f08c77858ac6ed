/** The appliance's own llama-server, unpacked and run on this machine with a tiny model, and a gateway in front of it. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startGateway, type Gateway } from "../../bench/gateway/gateway.ts";
import { environment, freePort, untilAnswers } from "../../bench/gateway/processes.ts";
import { parseApplianceManifest } from "../../src/shared/appliance/manifest.ts";
import { hexOf } from "../../src/shared/digest.ts";
import { exec } from "../../src/shared/exec.ts";
import { writeFileWhole } from "../../src/shared/file.ts";
import { writeGguf, type GgufModel } from "../../src/shared/gguf/write.ts";
import { startProgram, type RunningProgram } from "../../src/shared/program.ts";

export type Model = {
  /** A port on which the server itself listens, for the comparison. */
  readonly directPort: number;
  readonly gateway: Gateway;
  stop(): Promise<void>;
};

export type ModelOptions = {
  readonly folder: string;
  /** The folder with the server, from unpackServer. */
  readonly server: string;
  readonly model: GgufModel;
  readonly args: readonly string[];
  readonly native?: readonly string[];
};

export const ALIAS = "demo";

/** Ends with a colon as the echo model's own does, and tells llama-server how calls of functions look. */
const TEMPLATE = `{%- if tools %}{{ 's:Functions: ' + (tools | tojson) + '\\n' }}{% endif %}
{%- for m in messages %}
{{- m.role[0] + ':' }}
{%- if m.tool_calls %}{% for c in m.tool_calls %}{{ '<tool_call>\\n{"name": "' + c.function.name + '", "arguments": ' + (c.function.arguments | tojson) + '}\\n</tool_call>' }}{% endfor %}
{%- else %}{{ m.content }}{% endif %}
{{- '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ 'a:' }}{% endif %}
`;

/** /opt/llama out of the image's layers, as it lies in the appliance. */
export async function unpackServer(appliance: string, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  await exec("tar", ["-xf", appliance, "-C", folder, "appliance.json", "images"], { timeoutMs: 300_000 });
  const path = join(folder, "appliance.json");
  const manifest = parseApplianceManifest(await readFile(path, "utf8"), path);
  const image = manifest.images.find(({ name }) => name === "llama-cpp");
  for (const diffId of image?.diffIds ?? []) {
    const layer = join(folder, "images/blobs/sha256", hexOf(diffId));
    // 2: the layer has none of it.
    await exec("tar", ["-xf", layer, "-C", folder, "opt/llama"], { accept: [2] });
  }
  return join(folder, "opt/llama");
}

export async function startModel(options: ModelOptions): Promise<Model> {
  const { folder, server } = options;
  await mkdir(folder, { recursive: true });
  const [gguf, template, socket] = ["model.gguf", "template.jinja", "llama.sock"].map((name) =>
    join(folder, name),
  );
  if (gguf === undefined || template === undefined || socket === undefined)
    throw new Error("Three names were given");
  await writeFileWhole(gguf, writeGguf(options.model));
  await writeFile(template, TEMPLATE);
  const directPort = await freePort();
  const listen = ["--host", `${socket},127.0.0.1`, "--port", String(directPort)];
  const quiet = ["--offline", "--no-slots", "--metrics", "--sse-ping-interval", "1", "--temp", "0"];
  const chat = ["--alias", ALIAS, "--jinja", "--chat-template-file", template];
  const args = ["--model", gguf, ...listen, ...quiet, ...chat, ...options.args];
  const llama = await startProgram(join(server, "llama-server"), args, {
    env: environment({ LD_LIBRARY_PATH: server }),
    logTo: join(folder, "llama.log"),
  });
  await untilLoaded(directPort, llama);
  const gateway = await startGateway({
    folder: join(folder, "gateway"),
    upstreamSocket: socket,
    alias: ALIAS,
    native: options.native ?? [],
  });
  return {
    directPort,
    gateway,
    stop: async () => {
      await gateway.program().stop(10_000);
      await llama.stop(5_000);
    },
  };
}

async function untilLoaded(port: number, llama: RunningProgram): Promise<void> {
  await untilAnswers(port, "/health", llama);
  const deadline = performance.now() + 20_000;
  while ((await fetch(`http://127.0.0.1:${port}/health`)).status !== 200)
    if (performance.now() > deadline) throw new Error("llama-server does not load its model");
}
