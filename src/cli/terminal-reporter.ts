import type { Reporter } from "../shared/reporter.ts";

type Output = { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };

const MEBIBYTE = 1 << 20;
const REDRAW_MS = 100;

/**
 * Progress on standard error: on a terminal a line that redraws itself, elsewhere one line a step and one more at each
 * quarter of a long one, so that a log stays readable.
 */
export function terminalReporter(output: Output, now: () => number): Reporter {
  const live = output.isTTY === true;
  let drawn = false;
  let lastDraw = 0;
  let lastQuarter = "";
  const line = (text: string): void => {
    output.write(`${drawn ? "\r\u001b[K" : ""}${text}\n`);
    drawn = false;
  };
  return {
    step: (text) => line(`== ${text}`),
    note: (text) => line(`   ${text}`),
    progress: (state) => {
      const finished = state.done >= state.total;
      if (live) {
        if (now() - lastDraw < REDRAW_MS && !finished) return;
        lastDraw = now();
        output.write(`\r\u001b[K${progressText(state).slice(0, (output.columns ?? 80) - 1)}`);
        drawn = true;
        return;
      }
      // Labels may change with every file; a long work is known by its total.
      const quarter = `${state.total} ${Math.floor((4 * state.done) / Math.max(state.total, 1))}`;
      if (quarter === lastQuarter) return;
      lastQuarter = quarter;
      line(progressText(state));
    },
  };
}

function progressText(state: Parameters<Reporter["progress"]>[0]): string {
  const scale = state.unit === "bytes" ? MEBIBYTE : 1;
  const unit = state.unit === "bytes" ? " MiB" : "";
  const figure = (value: number): string => (value / scale).toFixed(state.unit === "bytes" ? 1 : 0);
  const percent = Math.floor((100 * state.done) / Math.max(state.total, 1));
  return `   ${state.label}: ${figure(state.done)} of ${figure(state.total)}${unit}, ${percent} %`;
}
