/**
 * What a bundled component would ask of a network and what closes that: images/<name>/switches.yaml. The image's environment is made
 * of its values, so that the table people read and the variables the image has cannot differ.
 */
import { AppError } from "../../shared/errors.ts";
import { compileSchema, parseAs, type Validator } from "../../shared/schema.ts";
import { readYaml } from "../../shared/yaml.ts";
import switchesSchema from "./switches.schema.json" with { type: "json" };

export type Switches = {
  readonly format: 1;
  /** The version that all of it was checked against. */
  readonly component: { readonly project: string; readonly version: string };
  readonly variables: readonly Variable[];
  readonly rows: readonly SwitchRow[];
  readonly inert: readonly InertHosts[];
};

/** Whose request it is: the server's in its container, or the page's in somebody's browser. */
export type Side = "server" | "browser";

export type Variable = {
  readonly name: string;
  /** The file of the component that reads it. */
  readonly read: string;
  /** What the image has; for one that is given, what holds until then. */
  readonly value?: string;
  /** What `up` gives, which alone knows it. */
  readonly given?: string;
  /** Closes by not being there. */
  readonly unset?: true;
  /** Why it is set, where no row needs it. */
  readonly because?: string;
};

/** One outbound call or dead button. */
export type SwitchRow = {
  readonly id: string;
  readonly from: Side;
  /** `CONFIGURED` where no host is built in; * stands for a part that is put in. */
  readonly hosts: readonly string[];
  readonly trigger: string;
  readonly needed: readonly ("egress" | "dead button")[];
  /** Names of variables. */
  readonly closedBy?: readonly string[];
  /** Packages without which it cannot be, left out by the recipe. */
  readonly leftOut?: readonly string[];
  /** Directives of the Content-Security-Policy that refuse it. */
  readonly policy?: readonly string[];
  /** What no switch closes. */
  readonly stays?: string;
};

/** Hosts that stand in the component's files and that nothing asks by itself. */
export type InertHosts = {
  readonly from: Side;
  readonly because: string;
  readonly hosts: readonly string[];
};

export const CONFIGURED = "whatever is configured";

const validate: Validator<Switches> = compileSchema<Switches>(switchesSchema);

/**
 * Throws AppError SWITCHES_INVALID (usage) naming every field that is wrong, and for a name that stands twice, a row that is closed by
 * an unknown variable, and a variable of which nothing says why it is there.
 */
export function parseSwitches(text: string, path: string): Switches {
  const switches = parseAs(text, {
    validate,
    read: readYaml,
    invalid: (why, cause) => invalid(path, why, cause),
  });
  const contradictions = contradictionsOf(switches);
  if (contradictions.length > 0) throw invalid(path, contradictions.join("; "));
  return switches;
}

/** NAME=value, in the order of the table. */
export function environmentOf(switches: Switches): readonly string[] {
  return switches.variables.flatMap(({ name, value }) => (value === undefined ? [] : [`${name}=${value}`]));
}

function contradictionsOf({ variables, rows, inert }: Switches): readonly string[] {
  const names = variables.map(({ name }) => name);
  const known = new Set(names);
  const used = new Set(rows.flatMap(({ closedBy = [] }) => closedBy));
  const explained = rows.flatMap(({ from, hosts }) => hosts.map((host) => `${from} ${host}`));
  const silent = inert.flatMap(({ from, hosts }) => hosts.map((host) => `${from} ${host}`));
  return [
    ...repeated(names).map((name) => `variable "${name}" stands twice`),
    ...repeated(rows.map(({ id }) => id)).map((id) => `row "${id}" stands twice`),
    ...repeated(silent).map((host) => `inert host "${host}" stands twice`),
    ...[...used].filter((name) => !known.has(name)).map((name) => `variable "${name}" is not declared`),
    ...variables
      .filter((one) => one.because === undefined && one.given === undefined && !used.has(one.name))
      .map(({ name }) => `variable "${name}" closes nothing and has no reason`),
    ...silent
      .filter((host) => explained.includes(host))
      .map((host) => `host "${host}" is both asked and inert`),
  ];
}

function repeated(names: readonly string[]): readonly string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}

function invalid(path: string, why: string, cause?: unknown): AppError {
  return new AppError({ class: "usage", code: "SWITCHES_INVALID" }, `Cannot use switches "${path}": ${why}`, {
    hint: "The schema is src/builder/recipe/switches.schema.json",
    ...(cause === undefined ? {} : { cause }),
    fields: { path },
  });
}
