import type { ImageFileList } from "../shared/appliance/manifest.ts";
import { AppError } from "../shared/errors.ts";
import { compileSchema, describeSchemaErrors, type Validator } from "../shared/schema.ts";
import planSchema from "./inside/plan.schema.json" with { type: "json" };
import { parseJson } from "./json.ts";

const validate: Validator<ImageFileList> = compileSchema<ImageFileList>({
  type: "object",
  additionalProperties: false,
  required: ["format", "image", "files"],
  properties: { format: { const: 1 }, image: { type: "string" }, files: planSchema.properties.files },
});

/** provenance/<image>.files.json. Throws AppError FILE_LIST_INVALID (integrity). */
export function parseImageFileList(text: string, path: string): ImageFileList {
  const value = parseJson(text);
  if (validate(value)) return value;
  throw new AppError(
    { class: "integrity", code: "FILE_LIST_INVALID" },
    `Cannot read "${path}" as an image's file list: ${describeSchemaErrors(validate.errors)}`,
    { fields: { path } },
  );
}
