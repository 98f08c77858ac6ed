/** Relationships between packages: Debian Policy 7.1, deb-control(5) and, for the old `<` and `>`, what dpkg makes of them. */
import { AppError } from "../../../shared/errors.ts";
import { compareVersions } from "./version.ts";

type Operator = "<<" | "<=" | "=" | ">=" | ">>";

export type Relation = {
  readonly name: string;
  /** What follows a colon: `any`, `native` or an architecture. */
  readonly qualifier?: string;
  readonly constraint?: { readonly operator: Operator; readonly version: string };
};

/** Alternatives, in the order that the package names them; any one will do. */
export type Dependency = readonly Relation[];

const RELATION =
  /^([A-Za-z0-9][A-Za-z0-9+.-]*)(?::([a-z0-9-]+))? ?(?:\( ?([<=>]{1,2}) ?([A-Za-z0-9][^ ()]*) ?\))? ?(?:\[ ?([^[\]]*)\])?$/;

const OPERATORS: ReadonlyMap<string, Operator> = new Map([
  ["<<", "<<"],
  ["<=", "<="],
  ["=", "="],
  [">=", ">="],
  [">>", ">>"],
  // Deprecated, and less strict than they look.
  ["<", "<="],
  [">", ">="],
]);

/**
 * The relations that hold on `architecture`; `[arch]` lists are applied and gone. Build profiles exist in source packages
 * alone and are refused. Throws AppError RELATION_MALFORMED (integrity).
 */
export function parseRelations(text: string, architecture: string): readonly Dependency[] {
  const plain = text.replace(/\s+/g, " ").trim();
  if (plain === "") return [];
  return plain.split(",").flatMap((part) => {
    const alternatives = part.split("|").flatMap((one) => parseRelation(one.trim(), architecture));
    return alternatives.length === 0 ? [] : [alternatives];
  });
}

/** For Provides, Conflicts and Breaks, where a comma is all that parts them. Throws AppError RELATION_MALFORMED (integrity). */
export function parseFlatRelations(text: string, architecture: string): readonly Relation[] {
  return parseRelations(text, architecture).map((alternatives) => {
    const [only, second] = alternatives;
    if (only === undefined || second !== undefined) throw malformed(text);
    return only;
  });
}

export function formatRelation(relation: Relation): string {
  const name = relation.qualifier === undefined ? relation.name : `${relation.name}:${relation.qualifier}`;
  const { constraint } = relation;
  return constraint === undefined ? name : `${name} (${constraint.operator} ${constraint.version})`;
}

export function versionMeets(version: string, constraint: NonNullable<Relation["constraint"]>): boolean {
  const order = compareVersions(version, constraint.version);
  switch (constraint.operator) {
    case "<<":
      return order < 0;
    case "<=":
      return order <= 0;
    case "=":
      return order === 0;
    case ">=":
      return order >= 0;
    case ">>":
      return order > 0;
  }
}

function parseRelation(text: string, architecture: string): readonly Relation[] {
  const [, name, qualifier, sign, version, architectures] = RELATION.exec(text) ?? [];
  if (name === undefined) throw malformed(text);
  if (architectures !== undefined && !appliesTo(architectures, architecture)) return [];
  const relation = qualifier === undefined ? { name } : { name, qualifier };
  if (sign === undefined || version === undefined) return [relation];
  const operator = OPERATORS.get(sign);
  if (operator === undefined) throw malformed(text);
  return [{ ...relation, constraint: { operator, version } }];
}

/** Either every name is negated or none is (Policy 7.1). */
function appliesTo(list: string, architecture: string): boolean {
  const names = list.split(" ").filter((name) => name !== "");
  const negated = names.filter((name) => name.startsWith("!"));
  if (names.length === 0 || (negated.length > 0 && negated.length < names.length))
    throw malformed(`[${list}]`);
  if (negated.length > 0) return !negated.some((name) => isSameArchitecture(name.slice(1), architecture));
  return names.some((name) => isSameArchitecture(name, architecture));
}

function isSameArchitecture(name: string, architecture: string): boolean {
  return name === architecture || name === "any" || name === "linux-any" || name === `any-${architecture}`;
}

function malformed(text: string): AppError {
  return new AppError(
    { class: "integrity", code: "RELATION_MALFORMED" },
    `Cannot read "${text.slice(0, 120)}" as a package relation: expected name[:arch] [(operator version)] [[arch …]]`,
    { fields: { relation: text } },
  );
}
