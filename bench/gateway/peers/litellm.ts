import { access, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "../../../src/shared/exec.ts";
import { startProgram } from "../../../src/shared/program.ts";
import { environment, freePort, untilAnswers, type Upstream } from "../processes.ts";
import { chatTarget, type Started } from "../target.ts";

/** Never a later one: releases that followed carried malware. */
const PACKAGE = "litellm[proxy]==1.80.0";

/** Installed once into a virtual environment of its own; one worker, no database, no callbacks, no network but ours. */
export async function startLitellm(peers: string, upstream: Upstream): Promise<Started> {
  const folder = join(peers, "litellm-1.80.0");
  const script = join(folder, "bin/litellm");
  await access(script).catch(async () => await install(folder));
  const port = await freePort();
  const config = join(folder, `config-${port}.yaml`);
  await writeFile(config, configuration(upstream.port));
  const program = await startProgram(
    script,
    ["--config", config, "--host", "127.0.0.1", "--port", String(port)],
    {
      cwd: folder,
      env: environment({ HOME: folder, LITELLM_LOCAL_MODEL_COST_MAP: "True", LITELLM_TELEMETRY: "False" }),
    },
  );
  await untilAnswers(port, "/health/liveliness", program);
  return {
    target: chatTarget("LiteLLM 1.80.0", port),
    pids: [program.pid],
    stop: async () => await program.stop(3_000),
  };
}

function configuration(port: number): string {
  return `model_list:
  - model_name: demo
    litellm_params: { model: openai/demo, api_base: "http://127.0.0.1:${port}/v1", api_key: none }
litellm_settings: { drop_params: false, telemetry: false }
`;
}

async function install(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await exec("python3", ["-m", "venv", folder], { env: environment({}), timeoutMs: 120_000 });
  // pip reads the machine's own configuration for mirrors.
  await exec(join(folder, "bin/pip"), ["install", "--quiet", PACKAGE], {
    env: environment({ HOME: process.env["HOME"] ?? "/root" }),
    timeoutMs: 900_000,
  });
}
