/** What every command of this folder prints: a title, the machine, a Markdown table. */
import { cpus, loadavg, totalmem } from "node:os";
import { median } from "./statistics.ts";

export function markdownTable(
  title: string,
  {
    head,
    rows,
    note,
  }: {
    readonly head: readonly string[];
    readonly rows: readonly (readonly string[])[];
    readonly note: string;
  },
): string {
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return [`### ${title}`, "", note, "", ...lines, "", ""].join("\n");
}

export function machine(rounds: number): string {
  const [load = 0] = loadavg();
  const model = cpus()[0]?.model.trim() ?? "unknown";
  return `${cpus().length} cores (${model}), ${Math.round(totalmem() / 2 ** 30)} GiB, load ${load.toFixed(1)} at the end; ${rounds} rounds after one that does not count.`;
}

/** Median, and the smallest and the largest in brackets. */
export function spread(values: readonly number[], digits = 2): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(digits)} (${least.toFixed(digits)} to ${most.toFixed(digits)})`;
}
