/** entry_points.txt: which programs a distribution wants, as `name = module:attribute` (Entry points specification). */
import { malformedWheel } from "./malformed.ts";

export type EntryPoint = { readonly program: string; readonly module: string; readonly attribute: string };

const SECTION = /^\[(.+)\]$/;
const ENTRY = /^(?<program>[\w.-]+)\s*=\s*(?<module>[\w.]+)\s*:\s*(?<attribute>[\w.]+)\s*(?:\[.*\])?$/;

/** Of the sections console_scripts and gui_scripts. Throws WHEEL_MALFORMED (integrity). */
export function parseEntryPoints(text: string, name: string): readonly EntryPoint[] {
  const found: EntryPoint[] = [];
  let isWanted = false;
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#") || line.startsWith(";")) continue;
    const section = SECTION.exec(line)?.[1];
    if (section !== undefined) isWanted = section === "console_scripts" || section === "gui_scripts";
    else if (isWanted) found.push(parseEntry(line, name));
  }
  return found;
}

function parseEntry(line: string, name: string): EntryPoint {
  const { program, module, attribute } = ENTRY.exec(line)?.groups ?? {};
  if (program === undefined || module === undefined || attribute === undefined)
    throw malformedWheel(
      name,
      `its entry point ${JSON.stringify(line.slice(0, 200))} is none, expected name = module:attribute`,
    );
  return { program, module, attribute };
}

/** What pip's does, without the part for Windows: the import is of the attribute's first part alone. */
export function programText({ module, attribute }: EntryPoint, interpreter: string): string {
  const [first = attribute] = attribute.split(".");
  return [
    `#!${interpreter}`,
    "import sys",
    `from ${module} import ${first}`,
    'if __name__ == "__main__":',
    `    sys.exit(${attribute}())`,
    "",
  ].join("\n");
}
