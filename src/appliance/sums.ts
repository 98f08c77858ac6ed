/** SHA256SUMS as sha256sum(1) writes it: 64 hex digits, two blanks, a path; one line a file. */
import { digestFromHex, type Digest } from "../shared/digest.ts";
import { AppError } from "../shared/errors.ts";
import { parseRelativePath, type RelativePath } from "../shared/relative-path.ts";

export const SUMS = "SHA256SUMS";
/** What signs SHA256SUMS lies beside it and is listed nowhere. */
const UNLISTED = [SUMS, "signatures/"];

const LINE = /^([0-9a-f]{64}) [ *](.+)$/;

/** Throws AppError SUMS_MALFORMED (integrity). */
export function parseSums(text: string): ReadonlyMap<RelativePath, Digest> {
  const sums = new Map<RelativePath, Digest>();
  const lines = text.split("\n");
  if (lines.pop() !== "") throw malformed("its last line has no end");
  for (const line of lines) {
    const [, hex, name] = LINE.exec(line) ?? [];
    if (hex === undefined || name === undefined)
      throw malformed(`"${line.slice(0, 120)}" is no line of sha256sum`);
    const path = parseRelativePath(name);
    if (sums.has(path)) throw malformed(`"${path}" stands in it twice`);
    sums.set(path, digestFromHex(hex));
  }
  if (sums.size === 0) throw malformed("it is empty");
  return sums;
}

export function isListed(path: string): boolean {
  return !UNLISTED.some((name) => path === name || (name.endsWith("/") && path.startsWith(name)));
}

function malformed(why: string): AppError {
  return new AppError(
    { class: "integrity", code: "SUMS_MALFORMED" },
    `Cannot use the appliance's ${SUMS}: ${why}`,
    {
      hint: "The appliance was changed or cut after it was built: carry it again",
    },
  );
}
