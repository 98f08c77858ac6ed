import { AppError } from "../errors.ts";

/** GGUF_MALFORMED (integrity): the bytes are not what a GGUF file promises. `why` says what was found, `expected` what had to be there. */
export function malformed(path: string, why: string, expected: string): AppError<"GGUF_MALFORMED"> {
  return new AppError(
    { class: "integrity", code: "GGUF_MALFORMED" },
    `Cannot read "${path}" as a GGUF model: ${why}, expected ${expected}`,
    {
      fields: { path },
      hint: "Copy the file again from where it came from, and compare its sha256 there and here",
    },
  );
}
