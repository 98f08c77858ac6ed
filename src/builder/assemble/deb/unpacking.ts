import { isDigest } from "../../../shared/digest.ts";
import { compileSchema } from "../../../shared/schema.ts";
import type { StoredBlob } from "../../../shared/store/store.ts";
import { FORMAT } from "../../format.ts";
import type { DebMember } from "./members.ts";

/** What the store remembers of an unpacked .deb. */
export type Unpacking = {
  readonly format: number;
  readonly controlTar: StoredBlob;
  readonly dataTar: StoredBlob;
  readonly members: readonly DebMember[];
};

const COUNT = { type: "integer", minimum: 0 };
const BLOB = {
  type: "object",
  additionalProperties: false,
  required: ["digest", "sizeBytes"],
  properties: { digest: { type: "string" }, sizeBytes: COUNT },
};
const MEMBER = {
  path: { type: "string", pattern: "^(?!/)(?!.*(^|/)\\.{1,2}(/|$))(?!.*//)[^\\n\\u0000]*[^/\\n\\u0000]$" },
  kind: { enum: ["file", "directory", "symlink", "hardlink"] },
  mode: { type: "integer", minimum: 0, maximum: 0o7777 },
  uid: COUNT,
  gid: COUNT,
  mtime: COUNT,
  sizeBytes: COUNT,
  linkTarget: { type: "string" },
  offset: COUNT,
};
const validate = compileSchema<Unpacking>({
  type: "object",
  additionalProperties: false,
  required: ["format", "controlTar", "dataTar", "members"],
  properties: {
    format: { const: FORMAT },
    controlTar: BLOB,
    dataTar: BLOB,
    members: {
      type: "array",
      items: {
        type: "object",
        additionalProperties: false,
        required: Object.keys(MEMBER),
        properties: MEMBER,
      },
    },
  },
});

/** undefined for anything else, which is then unpacked anew. */
export function parseUnpacking(value: unknown): Unpacking | undefined {
  if (!validate(value)) return undefined;
  return isDigest(value.controlTar.digest) && isDigest(value.dataTar.digest) ? value : undefined;
}
