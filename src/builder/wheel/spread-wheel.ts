/** One wheel: what it is by its own metadata, and each of its files at its place. */
import { digestOf, type Digest } from "../../shared/digest.ts";
import { joinRelative, type RelativePath } from "../../shared/relative-path.ts";
import type { Content } from "../assemble/tree.ts";
import type { LockedWheel } from "../lock/lock.ts";
import { parseEntryPoints, programText } from "./entry-points.ts";
import { parseHeaders } from "./headers.ts";
import { placeOf, type Layout } from "./layout.ts";
import { malformedWheel } from "./malformed.ts";
import { projectOf } from "./project.ts";
import type { UnpackedWheel, WheelFile } from "./unpacked.ts";

export type InstalledFile = {
  /** Below the destination. */
  readonly path: RelativePath;
  /** The wheel's project. */
  readonly owner: string;
  readonly program: boolean;
  readonly sha256: Digest;
  /** Where its bytes are; those that are made here are in no blob yet. */
  readonly source: Content | Uint8Array;
};

export type ReadContent = (content: Content) => Promise<Buffer>;

export type SpreadWheel = {
  readonly project: string;
  /** <project>-<version>.dist-info, below the destination. */
  readonly info: RelativePath;
  readonly files: readonly InstalledFile[];
};

/** Whether somebody asked for the wheel, or only another wheel. */
type Spread = { readonly locked: LockedWheel; readonly unpacked: UnpackedWheel };

const SHEBANG = /^#!python[^\n]*\n/;

/** Throws WHEEL_MALFORMED and WHEEL_STRAY_FILE (integrity). */
export async function spreadWheel(
  { locked, unpacked }: Spread,
  layout: Layout,
  read: ReadContent,
): Promise<SpreadWheel> {
  const name = locked.path.split("/").at(-1) ?? locked.path;
  const textOf = async (path: string): Promise<string | undefined> => {
    const file = unpacked.files.find((one) => one.path === path);
    return file === undefined ? undefined : (await read(file.content)).toString("utf8");
  };
  await checkIdentity(locked, unpacked, { name, textOf });

  const data = unpacked.info.replace(/\.dist-info$/, ".data");
  const files: InstalledFile[] = [];
  for (const file of unpacked.files) {
    const path = placeOf(file.path, { data, project: locked.project, name }, layout);
    const isScript = file.path.startsWith(`${data}/scripts/`);
    files.push({ path, owner: locked.project, ...(await asInstalled(file, { isScript, layout, read })) });
  }
  const made = (path: RelativePath, text: string, program: boolean): InstalledFile => {
    const source = Buffer.from(text);
    return { path, owner: locked.project, program, sha256: digestOf(source), source };
  };
  const entryPoints = await textOf(`${unpacked.info}/entry_points.txt`);
  for (const entry of entryPoints === undefined ? [] : parseEntryPoints(entryPoints, name)) {
    const path = joinRelative(layout.programs, entry.program);
    files.push(made(path, programText(entry, layout.interpreter), true));
  }
  const info = joinRelative(layout.site, unpacked.info);
  files.push(made(joinRelative(info, "INSTALLER"), "cloister\n", false));
  if (locked.because === undefined) files.push(made(joinRelative(info, "REQUESTED"), "", false));
  return { project: locked.project, info, files };
}

/** A script that asks for python gets the image's; pip does that too. */
async function asInstalled(
  file: WheelFile,
  { isScript, layout, read }: { isScript: boolean; layout: Layout; read: ReadContent },
): Promise<Pick<InstalledFile, "program" | "sha256" | "source">> {
  if (!isScript) return { program: file.program, sha256: file.sha256, source: file.content };
  const text = (await read(file.content)).toString("latin1");
  if (!SHEBANG.test(text)) return { program: true, sha256: file.sha256, source: file.content };
  const source = Buffer.from(text.replace(SHEBANG, `#!${layout.interpreter}\n`), "latin1");
  return { program: true, sha256: digestOf(source), source };
}

async function checkIdentity(
  locked: LockedWheel,
  { info }: UnpackedWheel,
  { name, textOf }: { readonly name: string; readonly textOf: (path: string) => Promise<string | undefined> },
): Promise<void> {
  const metadata = parseHeaders((await textOf(`${info}/METADATA`)) ?? "");
  const wheel = parseHeaders((await textOf(`${info}/WHEEL`)) ?? "");
  const [project, version] = [metadata.get("name") ?? "", metadata.get("version") ?? ""];
  const claims = [
    { what: "METADATA", claim: `${projectOf(project)} ${version}` },
    {
      what: "folder",
      claim: info.replace(
        /^(.*)-([^-]*)\.dist-info$/,
        (_, one: string, two: string) => `${projectOf(one)} ${two}`,
      ),
    },
  ];
  const wanted = `${locked.project} ${locked.version}`;
  for (const { what, claim } of claims)
    if (claim !== wanted)
      throw malformedWheel(
        name,
        `its ${what} says ${JSON.stringify(claim.slice(0, 100))}, expected "${wanted}"`,
      );
  const format = wheel.get("wheel-version") ?? "";
  if (!/^1\.\d+$/.test(format))
    throw malformedWheel(name, `its format is ${JSON.stringify(format.slice(0, 20))}, expected 1.x`);
}
