import { join, relative } from "node:path";
import { AppError, messageOf } from "../shared/errors.ts";
import { compareCodeUnits } from "../shared/order.ts";

export type BundledProgram = {
  /** One ES module that needs nothing but Node beside it. */
  readonly code: string;
  /** Folders below the repository of the npm packages of which code is in it, sorted: "node_modules/ajv". */
  readonly packages: readonly string[];
};

/**
 * Parts of dockerode that nothing here calls: engines over SSH, BuildKit sessions. They bring native code and files beside
 * them, neither of which one file can carry.
 */
const LEFT_OUT = ["ssh2", "@grpc/grpc-js", "@grpc/proto-loader", "protobufjs"];

/** Makes the bundle itself, in the workshop alone; it is native code. */
const EXTERNAL = ["rolldown"];

const STUB = "\0left-out";

/** What becomes bin/cloister.mjs. */
export const CLI_ENTRY = "src/cli.ts";
/** What becomes bin/log-verify.mjs. */
export const VERIFIER_ENTRY = "src/audit/verify/main.ts";

/**
 * Bundles a program of a repository, by its entry. Its bytes depend on the sources and on what package-lock.json names, and neither on
 * where the repository lies nor on the version of Node. Throws BUNDLE_FAILED (preflight).
 */
export async function bundleProgram(repository: string, entry: string): Promise<BundledProgram> {
  const { rolldown } = await import("rolldown");
  try {
    const bundle = await rolldown({
      cwd: repository,
      input: join(repository, entry),
      platform: "node",
      external: EXTERNAL,
      // A linked node_modules is still the repository's own: its modules are named by where they were found.
      resolve: { symlinks: false },
      // Off, because it would be read from the folder: what a bundle is must not hang on a file nobody looks at.
      tsconfig: false,
      onLog: (_level, log) => {
        if (log.code === "UNRESOLVED_IMPORT") throw new Error(log.message);
      },
      plugins: [
        {
          name: "left-out",
          resolveId: (source) => (LEFT_OUT.includes(source) ? STUB : undefined),
          load: (id) => (id === STUB ? "module.exports = {};" : undefined),
        },
      ],
    });
    const { output } = await bundle.generate({
      format: "esm",
      codeSplitting: false,
      comments: { legal: true, annotation: false, jsdoc: false },
    });
    await bundle.close();
    const [chunk] = output;
    const folders = chunk.moduleIds.flatMap((id) => packageFolder(relative(repository, id)) ?? []);
    return { code: chunk.code, packages: [...new Set(folders)].sort(compareCodeUnits) };
  } catch (error) {
    throw new AppError(
      { class: "preflight", code: "BUNDLE_FAILED" },
      `Cannot bundle "${repository}/${entry}": ${messageOf(error)}`,
      { cause: error, hint: "Run npm ci in the repository" },
    );
  }
}

function packageFolder(module: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(module)?.[0];
}
