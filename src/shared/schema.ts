import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";

/** Compiles one published schema into a parser at the border: unknown in, T out. */
export function compileSchema<T>(schema: object): ValidateFunction<T> {
  return new Ajv2020({
    allErrors: true,
    strict: true,
    strictRequired: false,
    allowUnionTypes: true,
  }).compile<T>(schema);
}

/** "/packages/0 must be string; must NOT have additional property 'foo'": one sentence a person can act on. */
export function describeSchemaErrors(errors: readonly ErrorObject[] | null | undefined): string {
  return (errors ?? []).slice(0, 8).map(describe).join("; ");
}

function describe(error: ErrorObject): string {
  const where = error.instancePath === "" ? "" : `${error.instancePath} `;
  const extra: unknown = error.params["additionalProperty"] ?? error.params["unevaluatedProperty"];
  return `${where}${error.message ?? "is invalid"}${typeof extra === "string" ? ` "${extra}"` : ""}`;
}
