import { AppError } from "../../shared/errors.ts";
import type { SegmentFile } from "../layout.ts";
import { isLedgerLine, parseLedgerLine } from "../line.ts";
import { readSegment } from "../segments.ts";

const ASKED = 3;

/**
 * Number of the first record of a segment, of which any one line may have been changed: where it does not begin with 0, the two lines
 * after it are asked as well. 0 where none can be read.
 */
export async function firstSeqOf(log: string, segment: SegmentFile): Promise<number> {
  const said: (number | undefined)[] = [];
  try {
    await readSegment(log, segment, (line) => {
      if (isLedgerLine(line)) said.push(firstBy(line, said.length));
      return said.length === ASKED ? "stop" : undefined;
    });
  } catch (error) {
    if (!(error instanceof AppError) && !isZlib(error)) throw error;
  }
  const [own, second, third] = said;
  if (own !== 0 && second !== undefined && second === third) return second;
  return own ?? 0;
}

/** What the line says of the number of the first, if it is the one at `place`. */
function firstBy(line: Buffer, place: number): number | undefined {
  try {
    const first = parseLedgerLine(line).seq - place;
    return first < 0 ? undefined : first;
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}

function isZlib(error: unknown): boolean {
  return error instanceof Error && "code" in error && /^(?:ZSTD|Z_)/.test(String(error.code));
}
