import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import { messageOf } from "./errors.ts";

type SchemaErrors = readonly ErrorObject[] | null | undefined;

/** Says whether a value is a T; why the last one was not stands in `errors`. */
export type Validator<T> = ((value: unknown) => value is T) & { readonly errors: SchemaErrors };

/**
 * Turns one published schema into a parser at the border: unknown in, T out. Compiled when it is first used, and not held against
 * the meta-schema, which a test does: together that would cost every start of the program a third of a second.
 */
export function compileSchema<T>(schema: object): Validator<T> {
  const last: { errors: SchemaErrors } = { errors: undefined };
  let compiled: ((value: unknown) => value is T) & { errors?: SchemaErrors };
  const validate = Object.assign((value: unknown): value is T => {
    compiled ??= newAjv().compile<T>(schema);
    const isValid = compiled(value);
    validate.errors = compiled.errors;
    return isValid;
  }, last);
  return validate;
}

function newAjv(): Ajv2020 {
  return new Ajv2020({
    allErrors: true,
    strict: true,
    strictRequired: false,
    allowUnionTypes: true,
    validateSchema: false,
    meta: false,
  });
}

/** Where text from outside becomes a T, or one sentence about what is wrong with it. */
export type Border<T> = {
  readonly validate: Validator<T>;
  /** Reads JSON where it is not given. */
  readonly read?: (text: string) => unknown;
  /** `cause` is what reading threw; undefined where the text was read and has another shape. */
  readonly invalid: (why: string, cause?: unknown) => Error;
};

/** Throws what `invalid` makes, for text that cannot be read as for a value of another shape. */
export function parseAs<T>(text: string, { validate, invalid, read = JSON.parse }: Border<T>): T {
  let value: unknown;
  try {
    value = read(text);
  } catch (error) {
    throw invalid(messageOf(error), error);
  }
  if (validate(value)) return value;
  throw invalid(describeSchemaErrors(validate.errors));
}

/** "/packages/0 must be string; must NOT have additional property 'foo'": one sentence a person can act on. */
export function describeSchemaErrors(errors: SchemaErrors): string {
  return (errors ?? []).slice(0, 8).map(describe).join("; ");
}

function describe(error: ErrorObject): string {
  const where = error.instancePath === "" ? "" : `${error.instancePath} `;
  const extra: unknown = error.params["additionalProperty"] ?? error.params["unevaluatedProperty"];
  return `${where}${error.message ?? "is invalid"}${typeof extra === "string" ? ` "${extra}"` : ""}`;
}
