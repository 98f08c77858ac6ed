import type { Digest } from "../../shared/digest.ts";
import type { Reporter } from "../../shared/reporter.ts";
import type { WantedFile } from "./inputs.ts";

/** Adds up several downloads into one line. */
export type Progress = {
  update(digest: Digest, state: { readonly receivedBytes: number; readonly label: string }): void;
  doneBytes(): number;
};

export function openProgress(files: readonly WantedFile[], reporter: Reporter): Progress {
  const total = files.reduce((sum, { file }) => sum + file.sizeBytes, 0);
  const received = new Map<Digest, number>();
  let done = 0;
  if (files.length > 0) reporter.step(`Fetch ${files.length} files, ${total} bytes`);
  return {
    update: (digest, { receivedBytes, label }) => {
      done += receivedBytes - (received.get(digest) ?? 0);
      received.set(digest, receivedBytes);
      reporter.progress({ label, done, total, unit: "bytes" });
    },
    doneBytes: () => done,
  };
}
