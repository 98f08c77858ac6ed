import { access, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "../../../src/shared/exec.ts";
import { startProgram } from "../../../src/shared/program.ts";
import { environment, freePort, untilAnswers, type Upstream } from "../processes.ts";
import { chatTarget, type Started } from "../target.ts";

/** With the newest @hono/node-server that npm chooses for it, it answers every stream with status 500; with this one it streams. */
const MANIFEST = {
  dependencies: { "@portkey-ai/gateway": "1.15.2" },
  overrides: { "@hono/node-server": "1.13.8" },
};

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
  await writeFile(join(folder, "package.json"), JSON.stringify(MANIFEST));
  const home = process.env["HOME"] ?? "/root";
  await exec("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: folder,
    env: environment({ HOME: home }),
    timeoutMs: 300_000,
  });
}
