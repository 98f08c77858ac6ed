/** What goes through writer.sock: JSON both ways, an error as what an AppError says. */
import { EXIT_CODES, type AppError, type ErrorClass } from "../../shared/errors.ts";
import { compileSchema, type Validator } from "../../shared/schema.ts";
import type {
  HoldRequest,
  PurgeOutcome,
  PurgeRequest,
  RetainOutcome,
  RetainRequest,
} from "../maintain/requests.ts";
import { SELECTOR_SCHEMA } from "../maintain/selector-schema.ts";
import type { Access, WriterStatus } from "./log-service.ts";

export type SentError = {
  readonly error: {
    readonly class: ErrorClass;
    readonly code: string;
    readonly message: string;
    readonly hint?: string;
    readonly fields?: AppError["fields"];
  };
};

const text = { type: "string", maxLength: 2_000 };
const count = { type: "integer", minimum: 0 };
const days = { type: "integer", minimum: 1 };

export const isPurgeRequest = validatorOf<PurgeRequest>(["selector", "reason", "by"], {
  selector: SELECTOR_SCHEMA,
  reason: text,
  ticket: text,
  by: text,
});

export const isRetainRequest = validatorOf<RetainRequest>(["by"], {
  policy: {
    type: "object",
    additionalProperties: false,
    required: ["content", "ledger"],
    properties: { content: { anyOf: [days, { const: "session" }] }, ledger: days },
  },
  by: text,
});

export const isHoldRequest: Validator<HoldRequest> = compileSchema<HoldRequest>({
  anyOf: [
    objectOf(["name", "reason", "by", "state", "selector"], {
      name: text,
      reason: text,
      by: text,
      state: { const: "set" },
      selector: SELECTOR_SCHEMA,
    }),
    objectOf(["name", "reason", "by", "state"], {
      name: text,
      reason: text,
      by: text,
      state: { const: "released" },
    }),
  ],
});

export const isAccess = validatorOf<Access>(["verb", "by", "detail"], { verb: text, by: text, detail: text });

export const isNothing = validatorOf<object>([], {});

export const isStatus = answerOf<WriterStatus>({
  segment: text,
  nextSeq: count,
  durableSeq: { type: "integer" },
  checkpointSize: count,
  cosignedSize: count,
});
export const isSeq = answerOf<{ readonly seq: number }>({ seq: count });
export const isSegment = answerOf<{ readonly segment: string }>({ segment: text });
export const isKey = answerOf<{ readonly key: string }>({ key: text });
export const isEmpty = answerOf<object>({});
export const isPurgeOutcome = answerOf<PurgeOutcome>({ plan: planWith({ segments: { type: "array" } }) });
export const isRetainOutcome = answerOf<RetainOutcome>({ plan: planWith({ minimum: count }) });

export const isSentError = answerOf<SentError>({
  error: {
    type: "object",
    required: ["class", "code", "message"],
    properties: { class: { enum: Object.keys(EXIT_CODES) }, code: text, message: { type: "string" } },
  },
});

/** What is asked: nothing but what is named. */
function validatorOf<T>(
  required: readonly string[],
  properties: Readonly<Record<string, object>>,
): Validator<T> {
  return compileSchema<T>(objectOf(required, properties));
}

/** What is answered: what is used must be there. */
function answerOf<T>(properties: Readonly<Record<string, object>>): Validator<T> {
  return compileSchema<T>({ type: "object", required: Object.keys(properties), properties });
}

function objectOf(required: readonly string[], properties: Readonly<Record<string, object>>): object {
  return { type: "object", additionalProperties: false, required, properties };
}

function planWith(properties: Readonly<Record<string, object>>): object {
  const all = {
    ranges: { type: "array" },
    payloads: count,
    bytes: count,
    held: { type: "array" },
    ...properties,
  };
  return { type: "object", required: Object.keys(all), properties: all };
}
