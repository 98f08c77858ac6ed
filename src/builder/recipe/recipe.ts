import { canonicalJson, type Json } from "../../shared/canonical-json.ts";
import { digestOf, type Digest } from "../../shared/digest.ts";
import { AppError } from "../../shared/errors.ts";
import { compileSchema, parseAs, type Validator } from "../../shared/schema.ts";
import { readYaml } from "../../shared/yaml.ts";
import recipeSchema from "./recipe.schema.json" with { type: "json" };

/** What is wanted, as a person writes it: images/<name>/recipe.yaml. The schema beside this file is the published contract. */
export type Recipe = {
  readonly format: 1;
  readonly name: string;
  /** `image` becomes an image; `tools` is a set of files that the appliance carries in bin/. */
  readonly kind: "image" | "tools";
  readonly summary: string;
  /** Locked, and left out by everything else until the stack runs it. */
  readonly draft?: boolean;
  /** The image whose layer lies below this one's; its packages are not installed again. */
  readonly base?: string;
  readonly packages: readonly string[];
  readonly omit?: readonly OmittedPackage[];
  /** Of an image: files of its packages that do not come along. */
  readonly drop?: readonly DroppedFile[];
  readonly suites: readonly string[];
  readonly users?: readonly User[];
  /** Paths that may carry setuid or setgid; any other one stops the build. */
  readonly setuid?: readonly string[];
  /** Whether /etc/ssl/certs/ca-certificates.crt is written from the ca-certificates package. */
  readonly caBundle?: boolean;
  readonly compile?: CompileRecipe;
  readonly npm?: readonly NpmFile[];
  readonly wheels?: WheelsRecipe;
  /** Of an image: single files out of its npm packages. */
  readonly files?: readonly ImageFileRecipe[];
  /** Of an image: programs of this repository, each bundled into one file. */
  readonly programs?: readonly ProgramRecipe[];
  readonly tools?: readonly ToolFile[];
  readonly config?: ImageConfig;
};

/** A package that a dependency asks for and that this image does without. */
export type OmittedPackage = { readonly package: string; readonly because: string };

/** `file` is its absolute path. What it alone needed may then be omitted. */
type DroppedFile = { readonly file: string; readonly because: string };

export type User = {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly comment: string;
};

export type CompileRecipe = {
  readonly packages: readonly string[];
  readonly omit?: readonly OmittedPackage[];
  readonly source: GitSource;
  /** Files beside the recipe that go in: the script that runs, and a folder with our own sources. */
  readonly script: string;
  readonly launcher: string;
  /** Where the result lies in the image, absolute. */
  readonly destination: string;
};

/** One git tree, pinned by commit and tree; each origin is another way to the same bytes. */
export type GitSource = {
  readonly purl: string;
  readonly commit: string;
  readonly tree: string;
  readonly licence: string;
  readonly origins: readonly SourceOrigin[];
};

export type SourceOrigin =
  | {
      readonly kind: "sdist";
      readonly project: string;
      readonly version: string;
      readonly folder: string;
      readonly gitFolder: string;
    }
  | { readonly kind: "git"; readonly url: string };

/** An npm package of which single files are carried. */
export type NpmFile = { readonly package: string; readonly version: string };

/** A Python layer: wheels of an index and all that they ask for, installed without pip. */
export type WheelsRecipe = {
  /** The package that has the interpreter; one of the recipe's own. */
  readonly python: "python3.11";
  /** Absolute; lib/python3.11/site-packages and bin come to lie below. */
  readonly destination: string;
  readonly wanted: readonly WantedWheel[];
  readonly omit?: readonly OmittedPackage[];
  /** Locked and installed although a whole use of the component imports nothing of them. */
  readonly kept?: readonly KeptPackage[];
  readonly trim?: readonly TrimRule[];
};

type KeptPackage = { readonly package: string; readonly because: string };

export type WantedWheel = { readonly project: string; readonly version: string; readonly licence: string };

/** `files` is a pattern of paths below the destination, * within a part, ** over parts; they go, or stay without content. */
export type TrimRule = {
  readonly files: string;
  readonly leave: "nothing" | "empty";
  readonly because: string;
};

/** Takes one file out of a locked .deb or npm package. */
export type ToolFile = { readonly from: string; readonly path: string; readonly as: string };

/** Takes one file out of a locked npm package; `to` is where it lies in the image, absolute. It may be run where a folder on its way is named bin. */
type ImageFileRecipe = { readonly from: string; readonly path: string; readonly to: string };

/** `entry` is relative to the repository, `to` absolute in the image. */
type ProgramRecipe = { readonly entry: string; readonly to: string };

export type ImageConfig = {
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly env: readonly string[];
  /** A file beside the recipe; what it sets of the component follows in `env` once the recipe is read. */
  readonly switches?: string;
  readonly workingDir: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly stopSignal: string;
};

const validate: Validator<Recipe> = compileSchema<Recipe>(recipeSchema);

/** Throws AppError RECIPE_INVALID (usage) naming every field that is wrong. */
export function parseRecipe(text: string, path: string): Recipe {
  return parseAs(text, { validate, read: readYaml, invalid: (why, cause) => invalid(path, why, cause) });
}

function invalid(path: string, why: string, cause: unknown): AppError {
  const identity = { class: "usage", code: "RECIPE_INVALID" } as const;
  if (cause !== undefined)
    return new AppError(identity, `Cannot read recipe "${path}" as YAML: ${why}`, {
      cause,
      fields: { path },
    });
  return new AppError(identity, `Cannot use recipe "${path}": ${why}`, {
    hint: "The schema is src/builder/recipe/recipe.schema.json",
    fields: { path },
  });
}

/** What a lock is bound to: the recipe's meaning, not its spelling. */
export function recipeDigest(recipe: Recipe): Digest {
  return digestOf(canonicalJson(recipe satisfies Json));
}
