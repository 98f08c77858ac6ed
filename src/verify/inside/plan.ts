import { AppError } from "../../shared/errors.ts";
import { compileSchema, parseAs, type Validator } from "../../shared/schema.ts";
import schema from "./plan.schema.json" with { type: "json" };
import type { ImageFile } from "../../shared/appliance/manifest.ts";

/** Where the companion finds its plan. */
export const PLAN_PATH = "/opt/cloister-plan.json";

/** What the companion is told: a file mounted into it. Everything it compares with comes from here, nothing from its surroundings. */
export type InsidePlan = {
  readonly format: 1;
  /** A twin runs on an open network and makes the outbound attempts only. */
  readonly role: "companion" | "twin";
  /** Stands in every name and datagram of this run, and in the answer. */
  readonly nonce: string;
  readonly user: { readonly uid: number; readonly gid: number };
  /** The address on the one network it may have; absent where it may have none. */
  readonly address?: string;
  /** Mounts that the stack makes, by their place in the container. */
  readonly mounts: readonly PlannedMount[];
  readonly targets: readonly Target[];
  /** A listener that verify opened on the host's end of the network. */
  readonly gateway?: { readonly address: string; readonly port: number };
  /** What answers completions on its loopback; absent where nothing does. */
  readonly server?: { readonly port: number; readonly alias: string };
  /** Exact answer at temperature 0, where the model is one of which it is known. */
  readonly answer?: string;
  readonly files: readonly ImageFile[];
};

export type PlannedMount = { readonly path: string; readonly writable: boolean };

/** Somewhere outside. `given` ones came from the operator, who says that they answer on an open network. */
export type Target = {
  readonly protocol: "tcp" | "udp";
  readonly address: string;
  readonly port: number;
  readonly given: boolean;
};

const validate: Validator<InsidePlan> = compileSchema<InsidePlan>(schema);

/** Throws AppError VERIFY_PLAN_INVALID (usage). */
export function parseInsidePlan(text: string): InsidePlan {
  return parseAs(text, { validate, invalid });
}

function invalid(why: string): AppError {
  return new AppError(
    { class: "usage", code: "VERIFY_PLAN_INVALID" },
    `Cannot verify from inside with the plan that was mounted: ${why}`,
    { hint: "`verify-inside` is run by `verify`, in a container that it makes for it" },
  );
}
