import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { compileSchema, describeSchemaErrors } from "../../src/shared/schema.ts";

const SOURCES = join(import.meta.dirname, "../../src");

test("every schema file is a schema by the meta-schema that it names", async () => {
  const names = (await readdir(SOURCES, { recursive: true })).filter((name) => name.endsWith(".schema.json"));
  expect(names.length).toBeGreaterThan(3);
  const ajv = new Ajv2020({ allErrors: true });
  const faults: string[] = [];
  for (const name of names.sort()) {
    const isSchema = ajv.validateSchema(JSON.parse(await readFile(join(SOURCES, name), "utf8")));
    if (isSchema !== true) faults.push(`${name}: ${ajv.errorsText()}`);
  }
  expect(faults).toEqual([]);
  expect(ajv.validateSchema({ $schema: "https://json-schema.org/draft/2020-12/schema", type: "text" })).toBe(
    false,
  );
});

describe("compileSchema", () => {
  const isPoint = compileSchema<{ x: number }>({
    type: "object",
    additionalProperties: false,
    required: ["x"],
    properties: { x: { type: "number" } },
  });

  test("says of each value whether it fits, and why the last one does not", () => {
    expect(isPoint.errors).toBeUndefined();
    expect(isPoint({ y: 1 })).toBe(false);
    expect(describeSchemaErrors(isPoint.errors)).toBe(
      "must have required property 'x'; must NOT have additional properties \"y\"",
    );
    expect(isPoint({ x: 1 })).toBe(true);
    expect(describeSchemaErrors(isPoint.errors)).toBe("");
  });

  test("refuses a schema with a misspelt keyword when it is first used", () => {
    expect(() => compileSchema({ type: "object", propertys: {} })({})).toThrow("propertys");
  });
});
