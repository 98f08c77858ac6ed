/** JSON Schema of a Selector, for files and requests that carry one. */
const pseudonym = { type: "string", pattern: "^[0-9a-f]{32}$" };
const seq = { type: "integer", minimum: 0 };

export const SELECTOR_SCHEMA = {
  anyOf: [
    selectorBy("user", { user: pseudonym }),
    selectorBy("conversation", { conversation: pseudonym }),
    selectorBy("seq", { first: seq, last: seq }),
    selectorBy("before", {
      before: { type: "string", pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}Z$" },
    }),
  ],
};

function selectorBy(by: string, properties: Readonly<Record<string, object>>): object {
  return {
    type: "object",
    additionalProperties: false,
    required: ["by", ...Object.keys(properties)],
    properties: { by: { const: by }, ...properties },
  };
}
