/** Debian's version order: deb-version(7), and dpkg's own comparison where the text leaves room. */
import { AppError } from "../../../shared/errors.ts";

type Version = { readonly epoch: number; readonly upstream: string; readonly revision: string };

const UPSTREAM = /^[A-Za-z0-9][A-Za-z0-9.+~:-]*$/;
const REVISION = /^[A-Za-z0-9.+~]+$/;
const EPOCH = /^\d{1,10}$/;
/** dpkg keeps the epoch in a C int. */
const MAX_EPOCH = 2_147_483_647;

/** Below zero where `a` is older, zero where dpkg holds them equal. Throws AppError VERSION_MALFORMED (integrity). */
export function compareVersions(a: string, b: string): number {
  if (a === b) return 0;
  const left = parseVersion(a);
  const right = parseVersion(b);
  return (
    left.epoch - right.epoch ||
    comparePart(left.upstream, right.upstream) ||
    comparePart(left.revision, right.revision)
  );
}

function parseVersion(text: string): Version {
  const colon = text.indexOf(":");
  const epochText = colon === -1 ? "0" : text.slice(0, colon);
  const rest = text.slice(colon + 1);
  const dash = rest.lastIndexOf("-");
  const upstream = dash === -1 ? rest : rest.slice(0, dash);
  // An absent revision equals revision 0, because an empty part and a zero compare alike.
  const revision = dash === -1 ? "0" : rest.slice(dash + 1);
  const epoch = Number(epochText);
  if (!EPOCH.test(epochText) || epoch > MAX_EPOCH || !UPSTREAM.test(upstream) || !REVISION.test(revision)) {
    throw new AppError(
      { class: "integrity", code: "VERSION_MALFORMED" },
      `Cannot read ${JSON.stringify(text)} as a Debian version: expected [epoch:]upstream[-revision]`,
      { fields: { version: text } },
    );
  }
  return { epoch, upstream, revision };
}

/** Runs of other characters and runs of digits, turn about. */
function comparePart(a: string, b: string): number {
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a, i)) || (j < b.length && !isDigit(b, j))) {
      const difference = weight(a, i) - weight(b, j);
      if (difference !== 0) return difference;
      i += 1;
      j += 1;
    }
    const left = digitsAt(a, i);
    const right = digitsAt(b, j);
    const difference = compareNumbers(left, right);
    if (difference !== 0) return difference;
    i += left.length;
    j += right.length;
  }
  return 0;
}

/** `~` sorts before the end of the part, the end before letters, letters before everything else. */
function weight(text: string, index: number): number {
  if (index >= text.length || isDigit(text, index)) return 0;
  const code = text.charCodeAt(index);
  if (code === 0x7e) return -1;
  const isLetter = (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
  return isLetter ? code : code + 256;
}

function isDigit(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  return code >= 0x30 && code <= 0x39;
}

function digitsAt(text: string, start: number): string {
  let end = start;
  while (isDigit(text, end)) end += 1;
  return text.slice(start, end);
}

/** As numbers of any length: dates and hashes in versions do not fit a double. */
function compareNumbers(a: string, b: string): number {
  const left = a.replace(/^0+/, "");
  const right = b.replace(/^0+/, "");
  if (left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : left > right ? 1 : 0;
}
