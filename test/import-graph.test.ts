/** Data flows one way: this reads every import of src/ and holds it against the rooms of the house. */
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..");

/** The builder's stages in the order of the pipeline: a stage may use the types of an earlier one, never its code. */
const STAGES = ["recipe", "lock", "fetch", "assemble", "wheel", "compile", "image", "appliance", "evidence"];

/** A format's types and the parser that proves them: later stages may call these. */
const FORMAT_MODULES = [
  "src/builder/format.ts",
  "src/builder/recipe/recipe.ts",
  "src/builder/recipe/switches.ts",
  "src/builder/lock/lock.ts",
  "src/builder/lock/debian/control.ts",
  "src/builder/lock/debian/relations.ts",
];

type Import = { readonly from: string; readonly to: string; readonly kind: "value" | "type" };

test("every import of src/ goes where its room may look", async () => {
  const imports = await readImports();
  expect(imports.length).toBeGreaterThan(100);
  expect(
    imports.filter((one) => !isAllowed(one)).map(({ from, to, kind }) => `${from} -> ${to} (${kind})`),
  ).toEqual([]);
});

test.each([
  ["src/shared/a.ts", "src/builder/lock/lock.ts", "type", false],
  ["src/builder/lock/a.ts", "src/builder/image/image.ts", "type", false],
  ["src/builder/image/a.ts", "src/builder/lock/lock.ts", "type", true],
  ["src/builder/image/a.ts", "src/builder/lock/lock.ts", "value", true],
  ["src/builder/image/a.ts", "src/builder/lock/read.ts", "value", false],
  ["src/builder/build.ts", "src/builder/lock/lock.ts", "value", true],
  ["src/appliance/a.ts", "src/builder/format.ts", "value", false],
  ["src/verify/a.ts", "src/appliance/a.ts", "type", false],
  ["src/commands/a.ts", "src/cli/help.ts", "value", false],
  ["src/world/a.ts", "src/shared/exec.ts", "value", true],
  ["src/audit/a.ts", "src/gateway/a.ts", "type", false],
  ["src/gateway/a.ts", "src/audit/record.ts", "value", true],
] as const)("the rule itself: %s -> %s as %s is %s", (...[from, to, kind, allowed]) => {
  expect(isAllowed({ from, to, kind })).toBe(allowed);
});

function isAllowed({ from, to, kind }: Import): boolean {
  if (to === "package.json" || isWithin(to, "src/shared")) return true;
  const room = from.split("/")[1] ?? "";
  switch (room) {
    case "cli.ts":
      return isWithin(to, "src/cli") || isWithin(to, "src/commands");
    case "cli":
      return isWithin(to, "src/cli") || isWithin(to, "src/commands");
    case "commands":
      return !isWithin(to, "src/cli") && to !== "src/cli.ts";
    case "builder":
      return isAllowedInBuilder(from, to, kind);
    case "shared":
      return false;
    case "gateway":
      // The composition root of the image's program, which is gateway, witness and the log's verbs.
      if (from === "src/gateway/main.ts") return true;
      return isWithin(to, "src/gateway") || isWithin(to, "src/audit");
    case "witness":
      return isWithin(to, `src/${room}`) || isWithin(to, "src/audit");
    default:
      return isWithin(to, `src/${room}`);
  }
}

function isAllowedInBuilder(from: string, to: string, kind: Import["kind"]): boolean {
  if (!isWithin(to, "src/builder")) return false;
  const stage = STAGES.indexOf(from.split("/")[2] ?? "");
  const other = STAGES.indexOf(to.split("/")[2] ?? "");
  const isCompositionRoot = stage === -1;
  if (isCompositionRoot || to === "src/builder/format.ts" || stage === other) return true;
  return other !== -1 && other < stage && (kind === "type" || FORMAT_MODULES.includes(to));
}

function isWithin(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`);
}

async function readImports(): Promise<readonly Import[]> {
  const files = (await readdir(join(ROOT, "src"), { recursive: true }))
    .filter((name) => name.endsWith(".ts"))
    .sort();
  const lists = await Promise.all(
    files.map(async (name) => importsOf(`src/${name}`, await readFile(join(ROOT, "src", name), "utf8"))),
  );
  return lists.flat();
}

function importsOf(from: string, text: string): readonly Import[] {
  const statements = text.matchAll(/^(?:import|export) (type )?(?:[^"';]*? from )?"(\.[^"]+)"/gm);
  const dynamic = text.matchAll(/\bimport\("(\.[^"]+)"\)/g);
  const target = (path: string): string => normalize(join(dirname(from), path));
  return [
    ...[...statements].map(
      ([, type, path = ""]) =>
        ({ from, to: target(path), kind: type === undefined ? "value" : "type" }) as const,
    ),
    ...[...dynamic].map(([, path = ""]) => ({ from, to: target(path), kind: "value" }) as const),
  ];
}
