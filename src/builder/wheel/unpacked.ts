/** What the store remembers of an unpacked wheel, believed only while it is whole. */
import { isDigest, type Digest } from "../../shared/digest.ts";
import type { RelativePath } from "../../shared/relative-path.ts";
import { compileSchema } from "../../shared/schema.ts";
import type { Store } from "../../shared/store/store.ts";
import type { Content } from "../assemble/tree.ts";
import { FORMAT } from "../format.ts";

export type WheelFile = {
  /** As in the zip. */
  readonly path: RelativePath;
  readonly program: boolean;
  readonly sha256: Digest;
  readonly content: Content;
};

export type UnpackedWheel = {
  readonly format: typeof FORMAT;
  /** <project>-<version>.dist-info */
  readonly info: RelativePath;
  /** All but RECORD and signatures of it, sorted by path. */
  readonly files: readonly WheelFile[];
};

const DIGEST = { type: "string", pattern: "^sha256:[0-9a-f]{64}$" };
const COUNT = { type: "integer", minimum: 0 };
const PATH = {
  type: "string",
  pattern: "^(?!/)(?!.*(^|/)\\.{1,2}(/|$))(?!.*//)[^\\n\\u0000]*[^/\\n\\u0000]$",
};

const validate = compileSchema<UnpackedWheel>({
  type: "object",
  additionalProperties: false,
  required: ["format", "info", "files"],
  properties: {
    format: { const: FORMAT },
    info: PATH,
    files: {
      type: "array",
      minItems: 1,
      items: {
        type: "object",
        additionalProperties: false,
        required: ["path", "program", "sha256", "content"],
        properties: {
          path: PATH,
          program: { type: "boolean" },
          sha256: DIGEST,
          content: {
            type: "object",
            additionalProperties: false,
            required: ["blob", "offset", "sizeBytes"],
            properties: { blob: DIGEST, offset: COUNT, sizeBytes: COUNT },
          },
        },
      },
    },
  },
});

/** undefined for anything else than a whole memory with its blob in the store; the wheel is then unpacked anew. */
export async function asUnpacked(value: unknown, store: Store): Promise<UnpackedWheel | undefined> {
  if (!validate(value)) return undefined;
  for (const blob of new Set(value.files.map(({ content }) => content.blob)))
    if (!isDigest(blob) || !(await store.has(blob))) return undefined;
  return value;
}
