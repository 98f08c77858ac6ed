/** Writes a small appliance and its SBOM into the folder given: run by a test under other conditions. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bytesMember, jsonMember } from "../../../src/builder/appliance/member.ts";
import { planAppliance } from "../../../src/builder/appliance/plan.ts";
import { writeAppliance } from "../../../src/builder/appliance/write.ts";
import { imageBom } from "../../../src/builder/evidence/image-bom.ts";
import { silentReporter as reporter } from "../../../src/shared/reporter.ts";
import { openStore } from "../../../src/shared/store/store.ts";
import { BASE, COMPILED } from "../evidence/small-locks.ts";
import { EPOCH, smallImage } from "../small-image.ts";

const [folder = "."] = process.argv.slice(2);
if (process.env["UMASK"] !== undefined) process.umask(Number.parseInt(process.env["UMASK"], 8));
const store = await openStore(join(folder, "store"));
const plan = planAppliance({
  version: "0.1.0",
  variant: "cpu",
  epoch: EPOCH,
  images: [await smallImage(store)],
  models: [],
  files: [
    jsonMember("SBOM/small.cdx.json", imageBom({ layers: [BASE, COMPILED], parts: [] }, EPOCH).document),
    bytesMember("bin/cloister", "#!/bin/sh\n", 0o755),
  ],
});
const { digest } = await writeAppliance(plan, join(folder, "a.tar"), { store, reporter });
await writeFile(join(folder, "digest"), digest);
