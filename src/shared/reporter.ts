/** What a stage may say while it works. It reaches a person or an NDJSON stream, never an artefact. */
export type Reporter = {
  /** A step began: one line. */
  step(text: string): void;
  /** How far the current step is; `total` and `done` in the unit named. */
  progress(state: {
    readonly label: string;
    readonly done: number;
    readonly total: number;
    readonly unit: "bytes" | "items";
  }): void;
  /** Something worth knowing that does not stop the work. */
  note(text: string): void;
};

export const silentReporter: Reporter = { step: () => {}, progress: () => {}, note: () => {} };
