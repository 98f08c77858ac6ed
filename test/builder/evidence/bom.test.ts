import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { PackageURL } from "packageurl-js";
import { describe, expect, test } from "vitest";
import { applianceBom } from "../../../src/builder/evidence/appliance-bom.ts";
import { bomLink, writeBom, type Bom } from "../../../src/builder/evidence/bom.ts";
import { imageBom, toolsBom } from "../../../src/builder/evidence/image-bom.ts";
import { programBom } from "../../../src/builder/evidence/program-bom.ts";
import { canonicalJson, type Json } from "../../../src/shared/canonical-json.ts";
import { guardDeterminism } from "../guard.ts";
import { smallModel } from "../appliance/small-appliance.ts";
import { EPOCH, smallImage } from "../small-image.ts";
import { temporaryStore } from "../temporary.ts";
import { BASE, COMPILED, NPM_LOCK, TOOLS } from "./small-locks.ts";

guardDeterminism();

const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
const image = () => imageBom({ layers: [BASE, COMPILED], parts: [] }, EPOCH);
const tools = () => toolsBom(TOOLS, EPOCH);
const program = () => programBom(NPM_LOCK, Object.keys(NPM_LOCK.packages), EPOCH);

async function appliance(): Promise<Bom> {
  const built = await smallImage(await temporaryStore());
  const models = [await smallModel()];
  const boms = [
    { name: built.name, kind: "image", bom: image() },
    { name: "tools", kind: "tools", bom: tools() },
  ] as const;
  return applianceBom({ images: [built], models, boms, program: program() }, EPOCH);
}

type Document = {
  serialNumber: string;
  metadata: { component: { "bom-ref": string } };
  components: { "bom-ref": string; purl?: string; version: string; scope?: string; name: string }[];
  dependencies: { ref: string; dependsOn: string[] }[];
};
const parsed = (bom: Bom) => JSON.parse(canonicalJson(bom.document)) as Document;
const all = async () => [image(), tools(), program(), await appliance()];

describe("a BOM", () => {
  test("is valid by the official schema of CycloneDX 1.6, which a foreign field is not", async () => {
    for (const bom of await all()) {
      expect(await validator.validate(canonicalJson(bom.document))).toBeNull();
      const spoiled = { ...parsed(bom), vulnerable: true };
      expect(await validator.validate(JSON.stringify(spoiled))).not.toBeNull();
    }
  });

  test("has one entry a ref, and every ref that it names", async () => {
    for (const bom of await all()) {
      const document = parsed(bom);
      const refs = [document.metadata.component, ...document.components].map((entry) => entry["bom-ref"]);
      expect(new Set(refs).size).toBe(refs.length);
      expect(document.dependencies.map(({ ref }) => ref).toSorted()).toEqual(refs.toSorted());
      for (const { dependsOn } of document.dependencies)
        expect(refs).toEqual(expect.arrayContaining(dependsOn));
    }
  });

  test("has purls that another reader takes apart into the component's own name and version", async () => {
    for (const bom of await all()) {
      for (const component of parsed(bom).components) {
        if (component.purl === undefined || component.purl.startsWith("pkg:oci/")) continue;
        const read = PackageURL.fromString(component.purl);
        expect(component.name).toBe(
          read.type === "npm" && read.namespace ? `${read.namespace}/${read.name}` : read.name,
        );
        expect(component.version).toBe(read.version);
      }
    }
  });

  test("is the same twice, and has another serial number where one digest differs", () => {
    expect(canonicalJson(image().document)).toBe(canonicalJson(image().document));
    const [first, ...others] = BASE.lock.packages;
    if (first === undefined) throw new Error("expected a package");
    const packages = [{ ...first, sizeBytes: first.sizeBytes + 1 }, ...others];
    const moved = imageBom(
      { layers: [{ ...BASE, lock: { ...BASE.lock, packages } }, COMPILED], parts: [] },
      EPOCH,
    );
    expect(moved.serialNumber).not.toBe(image().serialNumber);
    expect(moved.serialNumber).toMatch(
      /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  test("does not depend on the order of a lock's packages", () => {
    const packages = BASE.lock.packages.toReversed();
    const turned = imageBom(
      { layers: [{ ...BASE, lock: { ...BASE.lock, packages } }, COMPILED], parts: [] },
      EPOCH,
    );
    expect(canonicalJson(turned.document)).toBe(canonicalJson(image().document));
  });

  test("stops where two components have one ref or a ref leads nowhere", () => {
    const subject = { type: "application", "bom-ref": "a", name: "a" } as const;
    const none = new Map<string, string[]>();
    expect(() => writeBom({ subject, components: [subject], needs: none }, EPOCH)).toThrow("one bom-ref");
    expect(() => writeBom({ subject, components: [], needs: new Map([["a", ["b"]]]) }, EPOCH)).toThrow('"b"');
  });
});

describe("imageBom", () => {
  test("counts what is inside as required and what only compiled it as excluded", () => {
    const scopes = parsed(image()).components.map(({ name, scope }) => `${name} ${scope}`);
    expect(scopes.toSorted()).toEqual([
      "cloister-launcher undefined",
      "gcc excluded",
      "libc6 required",
      "libgcc-s1 required",
      "libstdc++6 required",
      "thing.cpp required",
    ]);
  });

  test("names the source by commit, tree, canonical tar and origins", () => {
    const source = image().components.find(({ name }) => name === "thing.cpp");
    expect(source).toMatchObject({
      version: COMPILED.lock.compile?.source.commit,
      pedigree: { commits: [{ uid: COMPILED.lock.compile?.source.commit }] },
      licenses: [{ expression: "MIT" }],
      externalReferences: [{ type: "source-distribution" }, { type: "vcs" }],
    });
  });
});

describe("applianceBom", () => {
  test("links each part's own BOM and holds its components", async () => {
    const whole = await appliance();
    const text = canonicalJson(whole.document satisfies Json);
    for (const bom of [image(), tools(), program()]) {
      expect(text).toContain(bomLink(bom));
      const refs = parsed(whole).components.map((component) => component["bom-ref"]);
      expect(refs).toEqual(expect.arrayContaining(bom.components.map((component) => component["bom-ref"])));
    }
    expect(parsed(whole).components.map(({ name }) => name)).toContain("small");
  });

  test("counts a package as required that one part has inside and another used as a helper", async () => {
    const libc = parsed(await appliance()).components.find(({ name }) => name === "libc6");
    expect(libc?.scope).toBe("required");
  });
});
