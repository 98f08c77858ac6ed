/**
 * CycloneDX 1.6 (ECMA-424) as JSON. A BOM is a function of what it describes: its time is the lock's epoch and its serial
 * number a UUIDv5 (RFC 9562) over the rest of it, so that equal contents have equal BOMs and others do not.
 */
import { createHash } from "node:crypto";
import { canonicalJson, type Json } from "../../shared/canonical-json.ts";
import { byKey, compareCodeUnits } from "../../shared/order.ts";
import { VERSION } from "../../shared/version.ts";

export type Component = {
  readonly type: ComponentType;
  readonly "bom-ref": string;
  readonly name: string;
  readonly version?: string;
  readonly purl?: string;
  readonly [field: string]: Json | undefined;
};

type ComponentType =
  | "application"
  | "container"
  | "file"
  | "library"
  | "machine-learning-model"
  | "operating-system";

export type BomParts = {
  readonly subject: Component;
  readonly components: readonly Component[];
  /** From a component to those that it needs, by bom-ref; a component without needs may be left out. */
  readonly needs: ReadonlyMap<string, readonly string[]>;
  /** What is known to be missing, besides the edges between components. */
  readonly incomplete?: readonly string[];
};

export type Bom = BomParts & { readonly serialNumber: string; readonly document: Json };

/** Any constant would do; another one would change every serial number. */
const NAMESPACE = Buffer.from("5b0c1d1e4f0e5c7f9a8b27f1c6d3e2a4", "hex");

export function writeBom(parts: BomParts, epoch: number): Bom {
  const components = parts.components.toSorted(byKey((component) => component["bom-ref"]));
  const refs = [parts.subject, ...components].map((component) => component["bom-ref"]);
  assertRefs(parts, refs);
  const incomplete = (parts.incomplete ?? []).toSorted(compareCodeUnits);
  const body = {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      timestamp: new Date(epoch * 1000).toISOString().replace(".000Z", "Z"),
      lifecycles: [{ phase: "build" }],
      tools: { components: [{ type: "application", name: "cloister", version: VERSION }] },
      component: parts.subject,
    },
    components,
    dependencies: refs.toSorted(compareCodeUnits).map((ref) => ({
      ref,
      dependsOn: [...new Set(parts.needs.get(ref))].sort(compareCodeUnits),
    })),
    compositions: [
      { aggregate: "complete", assemblies: [parts.subject["bom-ref"]] },
      ...(incomplete.length === 0 ? [] : [{ aggregate: "incomplete", assemblies: incomplete }]),
      // A lock keeps the first package that asked for another, not all of them.
      { aggregate: "incomplete", dependencies: refs.toSorted(compareCodeUnits) },
    ],
  } satisfies Json;
  const serialNumber = `urn:uuid:${uuidV5(canonicalJson(body))}`;
  return { ...parts, serialNumber, document: { ...body, serialNumber } };
}

/** How another BOM refers to this one (CycloneDX BOM-Link). */
export function bomLink(bom: Bom): string {
  return `${bom.serialNumber.replace("urn:uuid:", "urn:cdx:")}/1`;
}

export function properties(values: Readonly<Record<string, string | undefined>>): readonly Json[] {
  return Object.entries(values)
    .flatMap(([name, value]) => (value === undefined ? [] : [{ name: `cloister:${name}`, value }]))
    .sort(byKey((property) => property.name));
}

function uuidV5(text: string): string {
  const bytes = createHash("sha1").update(NAMESPACE).update(text).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function assertRefs(parts: BomParts, refs: readonly string[]): void {
  const known = new Set(refs);
  if (known.size !== refs.length) throw new Error("Two components of a BOM have one bom-ref");
  for (const [from, to] of parts.needs)
    for (const ref of [from, ...to]) if (!known.has(ref)) throw new Error(`A BOM has no component "${ref}"`);
}
