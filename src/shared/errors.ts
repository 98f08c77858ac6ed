/**
 * Everything a user, a mirror, an engine or a carried file can cause is an AppError. Its `class` decides the exit code
 * (EXIT_CODES), its `code` is stable and is what tests assert on. Impossible states throw a plain Error, which exits with 1.
 */
export const EXIT_CODES = {
  usage: 2,
  integrity: 3,
  authenticity: 4,
  preflight: 5,
  engine: 6,
  identity: 7,
  "failed-check": 8,
  inconclusive: 9,
  "half-done": 10,
  unavailable: 11,
} as const;

export type ErrorClass = keyof typeof EXIT_CODES;

export type ErrorDetails = {
  /** What to do next, one line. */
  readonly hint?: string;
  /** Structured facts for --json: expected, received, path, … */
  readonly fields?: Readonly<Record<string, string | number | readonly string[]>>;
  readonly cause?: unknown;
};

export class AppError<Code extends string = string> extends Error {
  readonly class: ErrorClass;
  readonly code: Code;
  readonly hint: string | undefined;
  readonly fields: Readonly<Record<string, string | number | readonly string[]>>;

  constructor(
    identity: { readonly class: ErrorClass; readonly code: Code },
    message: string,
    details: ErrorDetails = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "AppError";
    this.class = identity.class;
    this.code = identity.code;
    this.hint = details.hint;
    this.fields = details.fields ?? {};
  }

  get exitCode(): number {
    return EXIT_CODES[this.class];
  }
}

/** True where `error` is a Node system error with this errno name. */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
