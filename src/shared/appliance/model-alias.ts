import type { ApplianceModel } from "./manifest.ts";

/** The name that the server gives a model: its own, in letters that no compose file, URL or shell takes for anything else. */
export function modelAlias(model: Pick<ApplianceModel, "name" | "sha256">): string {
  const plain = model.name.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+|-+$/g, "");
  return plain === "" ? `model-${model.sha256.slice("sha256:".length, "sha256:".length + 12)}` : plain;
}
