/** Builds the real appliance once for all files: cold this fetches and compiles for many minutes, warm it takes seconds. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { writeFileWhole } from "../../src/shared/file.ts";
import { echoModel } from "../../src/shared/gguf/echo-model.ts";
import { writeGguf } from "../../src/shared/gguf/write.ts";
import { cloisterDone, openFolder } from "./checkout.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** The tar, built in this checkout with the default store. It is everybody's: nobody changes it. */
    readonly appliance: string;
    /** The model in it. */
    readonly model: string;
  }
}

let folder = "";

export async function setup(project: TestProject): Promise<void> {
  folder = await openFolder("cloister-e2e-");
  const [model, appliance] = [join(folder, "echo.gguf"), join(folder, "appliance.tar")];
  await writeFileWhole(model, writeGguf(echoModel()));
  await cloisterDone(["fetch"]);
  await cloisterDone(["build", "--model", model, "--out", appliance]);
  project.provide("appliance", appliance);
  project.provide("model", model);
}

export async function teardown(): Promise<void> {
  if (folder !== "") await rm(folder, { recursive: true, force: true });
}
