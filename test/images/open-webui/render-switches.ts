import type { InertHosts, Switches, SwitchRow, Variable } from "../../../src/builder/recipe/switches.ts";

/** The table as a page for people: rows, then variables, then what was judged and found silent. */
export function renderSwitches(switches: Switches): string {
  const { component, rows, variables, inert } = switches;
  const of = new Map(variables.map((one) => [one.name, one]));
  const side = (from: "server" | "browser"): string =>
    table(
      ["what", "whom it would ask", "when", "needed against", "what closes it"],
      rows.filter((row) => row.from === from).map((row) => rowCells(row, of)),
    );
  const parts = [
    `# The switches of Open WebUI ${component.version}`,
    "Made of images/open-webui/switches.yaml by test/images/open-webui/switches.test.ts, which is red where they differ. [open-webui.md](open-webui.md) says how to read it.",
    "## What the server would ask",
    side("server"),
    "## What the page in a browser would ask",
    side("browser"),
    "## The variables",
    "Each is read by the file beside it, which a test looks up in the pinned wheel.",
    table(["variable", "value in the image", "read in", "note"], variables.map(variableCells)),
    "## Hosts that nothing asks by itself",
    table(["where", "hosts", "why"], inert.map(inertCells)),
  ];
  return `${parts.join("\n\n")}\n`;
}

function rowCells(row: SwitchRow, variables: ReadonlyMap<string, Variable>): readonly string[] {
  const closing = (row.closedBy ?? []).map((name) => `\`${assignment(name, variables.get(name))}\``);
  const left = (row.leftOut ?? []).map((name) => `${name} is left out`);
  const policy = (row.policy ?? []).map((name) => `policy ${name}`);
  const stays = row.stays === undefined ? [] : [`**Stays:** ${row.stays}`];
  const ways = [...closing, ...left, ...policy].join(", ");
  return [row.id, row.hosts.join(", "), row.trigger, row.needed.join(", "), [ways, ...stays].join(". ")];
}

function assignment(name: string, variable: Variable | undefined): string {
  if (name === "CONTENT_SECURITY_POLICY") return name;
  return variable?.unset === true ? `${name} unset` : `${name}=${variable?.value ?? "…"}`;
}

function variableCells({ name, value, read, given, unset, because }: Variable): readonly string[] {
  const shown = value === undefined ? (unset === true ? "must stay unset" : "") : `\`${value}\``;
  return [`\`${name}\``, shown, read, given === undefined ? (because ?? "") : `${given}, given at \`up\``];
}

function inertCells({ from, hosts, because }: InertHosts): readonly string[] {
  return [from, hosts.join(", "), because];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(head), `|${head.map(() => "---|").join("")}`, ...rows.map(line)].join("\n");
}

function line(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}
