import { messageOf } from "../../../shared/errors.ts";
import { createTarIndexer } from "../../../shared/tar/index-tar.ts";
import { fieldOf, parseStanzas, type Stanza } from "../../lock/debian/control.ts";
import { malformedDeb } from "./malformed.ts";

export type ControlTar = {
  readonly control: Stanza;
  /** By name: control, md5sums, conffiles, maintainer scripts, … */
  readonly files: ReadonlyMap<string, Uint8Array>;
};

const FILE_NAME = /^[a-z0-9][a-z0-9.+-]*$/;
const REQUIRED = ["Package", "Version", "Architecture"];

/** Throws AppError DEB_MALFORMED, TAR_MALFORMED and CONTROL_MALFORMED (integrity). */
export function readControlTar(tar: Uint8Array, name: string): ControlTar {
  const indexer = createTarIndexer(name);
  indexer.push(tar);
  const files = new Map<string, Uint8Array>();
  for (const { path, kind, offset, sizeBytes } of indexer.finish()) {
    const fileName = path.replace(/^\.\//, "");
    if (kind === "directory" && /^\.?\/?$/.test(path)) continue;
    if (kind !== "file" || !FILE_NAME.test(fileName))
      throw malformedDeb(name, `its control.tar has "${path}", expected plain files alone`);
    if (files.has(fileName)) throw malformedDeb(name, `its control.tar has "${path}" twice`);
    files.set(fileName, tar.subarray(offset, offset + sizeBytes));
  }
  return { control: controlOf(files, name), files };
}

function controlOf(files: ReadonlyMap<string, Uint8Array>, name: string): Stanza {
  const bytes = files.get("control");
  if (bytes === undefined) throw malformedDeb(name, "its control.tar has no control file");
  const [stanza, second] = parseStanzas(decode(bytes, name));
  if (stanza === undefined || second !== undefined)
    throw malformedDeb(name, "its control file is not one stanza");
  const missing = REQUIRED.filter((field) => (fieldOf(stanza, field) ?? "") === "");
  if (missing.length > 0) throw malformedDeb(name, `its control file has no ${missing.join(" and no ")}`);
  return stanza;
}

function decode(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw malformedDeb(name, `its control file is not UTF-8: ${messageOf(error)}`, error);
  }
}
