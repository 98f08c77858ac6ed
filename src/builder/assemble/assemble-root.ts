/** From locked packages to a root file system: nothing is extracted, no script runs, nobody needs to be root. */
import { AppError } from "../../shared/errors.ts";
import { byKey } from "../../shared/order.ts";
import { forEachBounded } from "../../shared/pool.ts";
import { parseRelativePath } from "../../shared/relative-path.ts";
import type { Store } from "../../shared/store/store.ts";
import type { EffectName, LockedPackage } from "../lock/lock.ts";
import type { User } from "../recipe/recipe.ts";
import { checkPackage } from "./check-package.ts";
import { withContents, type ContentReader } from "./contents.ts";
import { accountFiles, mergeUsers } from "./effects/accounts.ts";
import { caBundle } from "./effects/ca-bundle.ts";
import { dpkgMetadata } from "./effects/dpkg-metadata.ts";
import { loaderCache } from "./effects/loader-cache.ts";
import { mergedUsrLinks } from "./effects/merged-usr.ts";
import { osFiles } from "./effects/os-files.ts";
import { addNewNodes, type NewNode } from "./new-node.ts";
import { placeEntry, type PlaceDeps } from "./place-entry.ts";
import { placePackage } from "./place-package.ts";
import { createRootBuilder, type RootBuilder } from "./root-builder.ts";
import { refuseSetuid } from "./setuid.ts";
import type { Tree } from "./tree.ts";
import { unpackDeb, type UnpackedDeb } from "./unpack-deb.ts";

export type AssembleInput = {
  readonly packages: readonly LockedPackage[];
  readonly users: readonly User[];
  /** Absolute paths of files that may carry setuid or setgid. */
  readonly setuid: readonly string[];
  readonly caBundle: boolean;
  /** Absolute paths of files of the packages that do not come along. */
  readonly drop?: readonly string[];
  /** Seconds since 1970; nothing in the layer is younger. */
  readonly epoch: number;
  /** The root on which this one lies as a layer. */
  readonly below?: AssembledRoot;
  /** Files of no package, such as compiled ones; with their parents. */
  readonly additions?: Tree;
};

export type AssembledRoot = {
  /** What this layer adds to the one below, each with its parents. */
  readonly layer: Tree;
  /** All layers as one. */
  readonly root: Tree;
  /** Whom /etc/passwd names. */
  readonly users: readonly User[];
};

type Unpacked = UnpackedDeb & { readonly name: string; readonly version: string };

/** xz is one process each and the work is the processor's: more at a time only costs memory. */
const UNPACK_AT_A_TIME = 3;

/**
 * The same input gives the same trees. Throws AppError of class integrity: what `unpackDeb` and `checkPackage` throw, FILE_CONFLICT,
 * SETUID_UNLISTED; of class usage: CA_CERTIFICATES_MISSING, EFFECT_NOT_ASKED, DROP_MISSING.
 */
export async function assembleRoot(
  input: AssembleInput,
  { store }: { readonly store: Store },
): Promise<AssembledRoot> {
  refuseUnasked(input);
  const packages = await unpackPackages(input.packages, store);
  const users = mergeUsers(input.below?.users ?? [], input.users);
  const builder = createRootBuilder(input.below?.root ?? [], input.epoch);
  await withContents(store, async (contents) => {
    await place(input, builder, { packages, contents });
    await addNewNodes(mergedUsrLinks(builder), builder, { store });
    await addNewNodes(await effects(input, builder, { packages, users, contents }), builder, { store });
    await addNewNodes(await loaderCache(builder, contents), builder, { store });
  });
  refuseSetuid(builder, input.setuid);
  return { ...builder.finish(), users };
}

async function unpackPackages(
  packages: readonly LockedPackage[],
  store: Store,
): Promise<readonly Unpacked[]> {
  const unpacked: Unpacked[] = [];
  await forEachBounded(packages, UNPACK_AT_A_TIME, async (locked) => {
    const { sha256: digest, sizeBytes, name, version } = locked;
    const deb = await unpackDeb({ digest, sizeBytes, name: `${name} ${version}` }, { store });
    checkPackage(locked, deb);
    unpacked.push({ ...deb, name, version });
  });
  return unpacked.sort(byKey(({ name }) => name));
}

async function place(
  { additions = [], drop = [] }: AssembleInput,
  builder: RootBuilder,
  { packages, contents }: { readonly packages: readonly Unpacked[]; readonly contents: ContentReader },
): Promise<void> {
  const peers = new Map(packages.map((one) => [one.name, one]));
  const deps: PlaceDeps = { peers, contents };
  for (const one of packages) await placePackage(one, builder, deps);
  for (const path of drop) dropFile(path, builder);
  for (const node of additions) {
    if (node.kind === "hardlink") throw new Error(`An addition is a hard link: "${node.path}"`);
    await placeEntry({ ...node, owner: "" }, builder, deps);
  }
}

function dropFile(absolute: string, builder: RootBuilder): void {
  const path = parseRelativePath(absolute.replace(/^\//, ""));
  const entry = builder.get(path);
  if (entry === undefined || entry.kind === "directory" || entry.owner === undefined) {
    throw new AppError(
      { class: "usage", code: "DROP_MISSING" },
      `Cannot leave out "${absolute}": it is no file of the recipe's packages`,
      {
        hint: "Take it out of the recipe's drop, or name the file as it lies in the root",
        fields: { path: absolute },
      },
    );
  }
  builder.remove(path);
}

async function effects(
  input: AssembleInput,
  builder: RootBuilder,
  have: {
    readonly packages: readonly Unpacked[];
    readonly users: readonly User[];
    readonly contents: ContentReader;
  },
): Promise<readonly NewNode[]> {
  const isAccountsDue = input.below === undefined || input.users.length > 0;
  return [
    ...(isAccountsDue ? accountFiles(have.users) : []),
    ...(boundEffects(input).has("os-files") ? osFiles(builder) : []),
    ...(input.caBundle ? [await caBundle(builder, have.contents)] : []),
    ...dpkgMetadata(have.packages),
  ];
}

/** A script that an effect stands for must have it: the one effect that is not always there is the recipe's to ask for. */
function refuseUnasked(input: AssembleInput): void {
  const asking = input.packages.find(({ scripts }) =>
    scripts.some((script) => effectOf(script) === "ca-bundle"),
  );
  if (asking === undefined || input.caBundle) return;
  throw new AppError(
    { class: "usage", code: "EFFECT_NOT_ASKED" },
    `Cannot use package "${asking.name}": its maintainer script is done by the effect "ca-bundle", which the recipe does not ask for`,
    { hint: "Set caBundle: true in the recipe, or leave the package out", fields: { package: asking.name } },
  );
}

function boundEffects({ packages }: AssembleInput): ReadonlySet<EffectName> {
  return new Set(packages.flatMap(({ scripts }) => scripts.flatMap((script) => effectOf(script) ?? [])));
}

function effectOf({ decision }: LockedPackage["scripts"][number]): EffectName | undefined {
  return decision.kind === "effect" ? decision.effect : undefined;
}
