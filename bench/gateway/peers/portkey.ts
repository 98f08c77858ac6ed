import { access, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "../../../src/shared/exec.ts";
import { startProgram } from "../../../src/shared/program.ts";
import { environment, freePort, untilAnswers, type Upstream } from "../processes.ts";
import { chatTarget, type Started } from "../target.ts";

const PACKAGE = "@portkey-ai/gateway@1.15.2";

/** Installed once into a folder of its own; without install scripts, as it needs none. */
export async function startPortkey(peers: string, upstream: Upstream): Promise<Started> {
  const folder = join(peers, "portkey-1.15.2");
  const script = join(folder, "node_modules/@portkey-ai/gateway/build/start-server.js");
  await access(script).catch(async () => await install(folder));
  const port = await freePort();
  const program = await startProgram(process.execPath, [script, "--headless", `--port=${port}`], {
    cwd: folder,
    env: environment({ NODE_ENV: "production" }),
  });
  await untilAnswers(port, "/", program);
  const headers = {
    authorization: "Bearer none",
    "x-portkey-provider": "openai",
    "x-portkey-custom-host": `http://127.0.0.1:${upstream.port}/v1`,
  };
  return {
    target: { ...chatTarget("Portkey 1.15.2", port), headers },
    pids: [program.pid],
    stop: async () => await program.stop(3_000),
  };
}

async function install(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), "{}");
  const home = process.env["HOME"] ?? "/root";
  await exec("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", PACKAGE], {
    cwd: folder,
    env: environment({ HOME: home }),
    timeoutMs: 300_000,
  });
}
