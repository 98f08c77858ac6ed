/**
 * No maintainer script ever runs. images/maintainer-scripts.yaml says of each one that somebody has read what stands in its
 * place; a decision holds for one sha256, so that a changed script is read again.
 */
import { readFile } from "node:fs/promises";
import { digestOf, isDigest, type Digest } from "../../shared/digest.ts";
import { AppError } from "../../shared/errors.ts";
import { compileSchema, parseAs } from "../../shared/schema.ts";
import { readYaml } from "../../shared/yaml.ts";
import {
  SCRIPT_NAMES,
  type BoundScript,
  type EffectName,
  type ScriptDecision,
  type ScriptName,
} from "../lock/lock.ts";
import decisionsSchema from "./maintainer-scripts.schema.json" with { type: "json" };

export type ScriptDecisions = {
  readonly path: string;
  /** By package, script and sha256, as `keyOf` writes them. */
  readonly decisions: ReadonlyMap<string, ScriptDecision>;
};

type DecisionsFile = {
  readonly format: 1;
  readonly decisions: readonly {
    readonly package: string;
    readonly scripts: Readonly<Partial<Record<ScriptName, string>>>;
    readonly effect?: EffectName;
    readonly because: string;
  }[];
};

const validate = compileSchema<DecisionsFile>(decisionsSchema);

/** Throws AppError DECISIONS_INVALID (usage). */
export async function readDecisions(path: string): Promise<ScriptDecisions> {
  return parseDecisions(await readFile(path, "utf8"), path);
}

export function parseDecisions(text: string, path: string): ScriptDecisions {
  const value = parseAs(text, { validate, read: readYaml, invalid: (why) => invalid(path, why) });
  const decisions = new Map<string, ScriptDecision>();
  for (const { package: name, scripts, effect, because } of value.decisions) {
    const decision: ScriptDecision =
      effect === undefined ? { kind: "not needed", because } : { kind: "effect", effect };
    for (const script of SCRIPT_NAMES) {
      const sha256 = scripts[script];
      if (sha256 === undefined || !isDigest(sha256)) continue;
      const key = keyOf(name, script, sha256);
      if (decisions.has(key)) throw invalid(path, `${name} ${script} ${sha256} is decided on twice`);
      decisions.set(key, decision);
    }
  }
  return { path, decisions };
}

/**
 * What stands in the place of each script, in the order of SCRIPT_NAMES. Throws AppError SCRIPT_UNDECIDED (usage) naming every
 * script of the package that has no decision.
 */
export function bindScripts(
  pkg: { readonly name: string; readonly version: string },
  scripts: ReadonlyMap<ScriptName, Uint8Array>,
  { path, decisions }: ScriptDecisions,
): readonly BoundScript[] {
  const bound: BoundScript[] = [];
  const undecided: string[] = [];
  for (const name of SCRIPT_NAMES) {
    const bytes = scripts.get(name);
    if (bytes === undefined) continue;
    const sha256 = digestOf(bytes);
    const decision = decisions.get(keyOf(pkg.name, name, sha256));
    if (decision === undefined) undecided.push(`${name}: ${sha256}`);
    else bound.push({ name, sha256, decision });
  }
  if (undecided.length > 0) throw undecidedError(pkg, undecided, path);
  return bound;
}

/** The maintainer scripts among the files of a control.tar. */
export function scriptsIn(
  controlFiles: ReadonlyMap<string, Uint8Array>,
): ReadonlyMap<ScriptName, Uint8Array> {
  return new Map(
    SCRIPT_NAMES.flatMap((name) => {
      const bytes = controlFiles.get(name);
      return bytes === undefined ? [] : [[name, bytes] as const];
    }),
  );
}

function keyOf(name: string, script: ScriptName, sha256: Digest): string {
  return `${name} ${script} ${sha256}`;
}

function undecidedError(
  pkg: { readonly name: string; readonly version: string },
  undecided: readonly string[],
  path: string,
): AppError {
  return new AppError(
    { class: "usage", code: "SCRIPT_UNDECIDED" },
    `Cannot use package "${pkg.name}" ${pkg.version}: nobody has decided on its maintainer script ${undecided.join(", ")}, expected a decision in "${path}"`,
    {
      hint: `Read the script (dpkg-deb --ctrl-tarfile, or dpkg-deb -e), then add an entry for package ${pkg.name} with that sha256: an effect that does its work, or because of what it is not needed`,
      fields: { package: pkg.name, version: pkg.version, scripts: undecided, path },
    },
  );
}

function invalid(path: string, why: string): AppError {
  return new AppError(
    { class: "usage", code: "DECISIONS_INVALID" },
    `Cannot use the decisions on maintainer scripts "${path}": ${why}`,
    { hint: "The schema is src/builder/assemble/maintainer-scripts.schema.json", fields: { path } },
  );
}
