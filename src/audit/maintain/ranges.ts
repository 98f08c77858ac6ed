/** Sequence numbers as the ledger names them: ascending ranges, few enough for a ledger line. */
import type { SeqRange } from "../record.ts";

export type CountedRange = {
  readonly range: SeqRange;
  /** Payloads in it that are meant; records without any are not counted. */
  readonly payloads: number;
};

/** Collects ascending numbers. One that is passed over ends a range, one that is never mentioned does not. */
export class RangeCollector {
  readonly #ranges: { first: number; last: number; payloads: number }[] = [];
  #isOpen = false;

  take(seq: number): void {
    const current = this.#ranges.at(-1);
    if (this.#isOpen && current !== undefined) {
      current.last = seq;
      current.payloads += 1;
    } else this.#ranges.push({ first: seq, last: seq, payloads: 1 });
    this.#isOpen = true;
  }

  passOver(): void {
    this.#isOpen = false;
  }

  ranges(): readonly CountedRange[] {
    return this.#ranges.map(({ first, last, payloads }) => ({ range: [first, last], payloads }));
  }
}

/** Of ascending ranges that do not overlap. */
export function covers(ranges: readonly SeqRange[], seq: number): boolean {
  const isWithin = seq >= (ranges[0]?.[0] ?? Infinity) && seq <= (ranges.at(-1)?.[1] ?? -1);
  let [low, high] = isWithin ? [0, ranges.length - 1] : [0, -1];
  while (low <= high) {
    const middle = Math.floor((low + high) / 2);
    const [first, last] = ranges[middle] ?? [0, -1];
    if (seq < first) high = middle - 1;
    else if (seq > last) low = middle + 1;
    else return true;
  }
  return false;
}

/** Parts whose JSON has at most so many bytes each: what one record may name. */
export function splitBySize<T>(items: readonly T[], limitBytes: number): readonly (readonly T[])[] {
  const parts: T[][] = [];
  let bytes = 0;
  for (const item of items) {
    const own = JSON.stringify(item).length + 1;
    const last = parts.at(-1);
    if (last === undefined || bytes + own > limitBytes) {
      parts.push([item]);
      bytes = own;
    } else {
      last.push(item);
      bytes += own;
    }
  }
  return parts;
}
