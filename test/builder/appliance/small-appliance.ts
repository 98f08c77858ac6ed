import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bytesMember } from "../../../src/builder/appliance/member.ts";
import type { ModelFile } from "../../../src/builder/appliance/model-file.ts";
import { planAppliance, type AppliancePlan } from "../../../src/builder/appliance/plan.ts";
import { digestOf } from "../../../src/shared/digest.ts";
import type { Store } from "../../../src/shared/store/store.ts";
import { EPOCH, smallImage } from "../small-image.ts";
import { temporaryFolder } from "../temporary.ts";

export async function smallModel(): Promise<ModelFile> {
  const hostPath = join(await temporaryFolder(), "model.gguf");
  const bytes = Buffer.from("GGUF and then some");
  await writeFile(hostPath, bytes);
  const digest = digestOf(bytes);
  const card = { format: 1, sha256: digest };
  return { hostPath, digest, sizeBytes: bytes.length, name: "small", architecture: "llama", card };
}

export async function smallPlan(store: Store, model?: ModelFile): Promise<AppliancePlan> {
  return planAppliance({
    version: "0.1.0",
    variant: "cpu",
    epoch: EPOCH,
    images: [await smallImage(store)],
    models: [model ?? (await smallModel())],
    files: [
      bytesMember("bin/cloister", "#!/bin/sh\n", 0o755),
      bytesMember("SBOM/appliance.cdx.json", "{}\n"),
      bytesMember("docs/guide.md", "# Guide\n"),
      bytesMember("compose/compose.yaml", "name: cloister\n"),
    ],
  });
}
