import { resolve } from "node:path";
import { checkAppliance } from "../appliance/check-appliance.ts";
import { openAppliance } from "../appliance/open-appliance.ts";
import type { Command, CommandContext, CommandInput, Outcome } from "./command.ts";

export const checkCommand: Command = {
  name: "check",
  side: "cloister",
  summary: "is a carried appliance intact?",
  usage: "APPLIANCE",
  options: {},
  positionals: { minimum: 1, maximum: 1 },
  details: `APPLIANCE is the tar, or the folder it was unpacked to. Hashes every file against SHA256SUMS, looks for files that are missing
or not listed, and holds appliance.json, manifests, configs and layers against one another. Needs no engine and writes nothing.
It says that the appliance is intact, not who made it: nothing signs an appliance yet.

Exit codes: 3 not intact; all that is wrong is named.`,
  run,
};

async function run(input: CommandInput, context: CommandContext): Promise<Outcome> {
  const appliance = await openAppliance(resolve(context.cwd, input.positionals[0] ?? ""));
  const { manifest, manifestDigest, files, sizeBytes } = await checkAppliance(appliance, context);
  const images = manifest.images.map(({ name, configDigest }) => ({ name, configDigest }));
  return {
    data: {
      intact: true,
      signed: false,
      version: manifest.version,
      manifestDigest,
      files,
      sizeBytes,
      images,
    },
    text: [
      `intact: ${files} files, ${sizeBytes} bytes, cloister ${manifest.version} (${manifest.variant})`,
      `appliance.json: ${manifestDigest}`,
      "authentic: not known, it is not signed",
    ].join("\n"),
  };
}
