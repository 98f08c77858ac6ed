/** A build that has nothing to do, one that has everything but the compiling to do, and what comes out: node bench/build.ts */
import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { openAppliance, readText } from "../src/appliance/open-appliance.ts";
import { exec } from "../src/shared/exec.ts";
import { parseApplianceManifest } from "../src/shared/appliance/manifest.ts";
import { measurePeers, table } from "./measure.ts";
import { buildAppliance, CLI, STORE, withFolder } from "./stage.ts";

const ROUNDS = 7;

await withFolder(async (folder) => {
  const out = await buildAppliance(folder, "echo");
  const model = join(folder, "echo.gguf");
  const fresh = join(folder, "store");
  const build = (store: string, to: string) =>
    [...CLI, "build", "--quiet", "--store", store, "--model", model, "--out", to] as const;
  const other = join(folder, "other.tar");
  const forget = async (): Promise<void> => {
    for (const kind of ["appliance", "deb", "file-list", "layer", "tool"])
      await rm(join(fresh, "derived", kind), { recursive: true, force: true });
    await rm(other, { force: true });
  };
  // Hard links: the same inputs and compiled files, and derived results of its own.
  await mkdir(fresh);
  for (const part of ["sha256", "derived"]) await exec("cp", ["-al", join(STORE, part), join(fresh, part)]);
  const peers = [
    { name: "nothing changed", command: build(STORE, out) },
    { name: "all but compiling", command: build(fresh, other), before: forget },
  ];
  process.stdout.write(table("build", await measurePeers(peers, ROUNDS)));
  process.stdout.write(await sizes(out));
});

async function sizes(path: string): Promise<string> {
  const appliance = await openAppliance(path);
  const manifest = parseApplianceManifest(await readText(appliance, "appliance.json"), path);
  const sums = new Map<string, number>();
  for (const file of appliance.entries) {
    const part = file.path.includes("/") ? `${file.path.split("/")[0] ?? ""}/` : "beside them";
    sums.set(part, (sums.get(part) ?? 0) + file.sizeBytes);
  }
  const rows = [
    ...[...sums].map(([part, bytes]) => [part, bytes] as const),
    ["the whole tar", (await stat(path)).size] as const,
    ...manifest.images.map((image) => [`image ${image.name}, uncompressed`, image.sizeBytes] as const),
  ];
  const lines = rows.map(([part, bytes]) => `| ${part} | ${(bytes / 1e6).toFixed(1)} |`);
  return ["### Sizes", "", "| part | MB |", "| --- | --- |", ...lines, ""].join("\n");
}
