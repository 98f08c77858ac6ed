import type { Appended } from "../../audit/audit-log.ts";
import type { Reassembly } from "../reassemble/reassembly.ts";

/** What a running stream has brought goes to the log piece by piece: a crash keeps all but the last of a long answer. */
export type Parts = {
  /** What came since the last part; undefined where there is nothing, or the log is lost. */
  write(): Appended | undefined;
  /** Once there is enough, or after a while. */
  writeWhenDue(): void;
  stop(): void;
};

const PART_MS = 2_000;
const PART_BYTES = 16_384;

export function createParts(
  reassembly: Reassembly,
  append: (delta: Uint8Array) => Appended | undefined,
): Parts {
  let timer: NodeJS.Timeout | undefined;

  function write(): Appended | undefined {
    stop();
    const delta = reassembly.takeDelta();
    return delta === undefined ? undefined : append(Buffer.from(delta));
  }

  function stop(): void {
    clearTimeout(timer);
    timer = undefined;
  }

  return {
    write,
    stop,
    writeWhenDue: () => {
      if (reassembly.pendingBytes >= PART_BYTES) write();
      else if (reassembly.pendingBytes > 0) timer ??= setTimeout(write, PART_MS);
    },
  };
}
