/**
 * What scanners read: /var/lib/dpkg/status.d/<package>, its control stanza, and <package>.md5sums beside it, one pair a package
 * so that layers never write the same file. There is no /var/lib/dpkg/status: with both, scanners count every package twice.
 * The stanzas carry the Status field that dpkg wants, so that putting them one after another is a database for dpkg-query.
 */
import { textFile, type NewNode } from "../new-node.ts";
import type { Stanza } from "../../lock/debian/control.ts";

export type DescribedPackage = {
  readonly name: string;
  readonly control: Stanza;
  readonly controlFiles: ReadonlyMap<string, Uint8Array>;
};

const FOLDER = "var/lib/dpkg/status.d";
const STATUS = "install ok installed";

export function dpkgMetadata(packages: readonly DescribedPackage[]): readonly NewNode[] {
  return packages.flatMap(({ name, control, controlFiles }) => {
    const md5sums = controlFiles.get("md5sums") ?? new Uint8Array(0);
    return [
      textFile(`${FOLDER}/${name}`, stanzaText(control)),
      { kind: "bytes", path: `${FOLDER}/${name}.md5sums`, bytes: md5sums } as const,
    ];
  });
}

/** Package and Status first, then the other fields as the package has them. */
function stanzaText(control: Stanza): string {
  const fields = [...control].filter(([key]) => key !== "status");
  const first = fields.filter(([key]) => key === "package").map(([, field]) => field);
  const rest = fields.filter(([key]) => key !== "package").map(([, field]) => field);
  return [...first, { name: "Status", value: STATUS }, ...rest]
    .map(({ name, value }) => `${name}: ${value.replaceAll("\n", "\n ")}\n`)
    .join("");
}
