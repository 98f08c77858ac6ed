/**
 * The cleartext signature framework (RFC 9580, section 7), held to the one shape that archives write: the signed text
 * alone in the file. Anything outside it could be taken for signed by a reader that looks for fields only.
 */

const BEGIN_MESSAGE = "-----BEGIN PGP SIGNED MESSAGE-----";
const BEGIN_SIGNATURE = "-----BEGIN PGP SIGNATURE-----";
const END_SIGNATURE = "-----END PGP SIGNATURE-----";
const HASH_HEADER = /^Hash: [A-Za-z0-9-]+(?:, ?[A-Za-z0-9-]+)*$/;
const ARMOUR_HEADER = /^(?:Version|Comment|Charset): .*$/;
const BASE64_LINE = /^[A-Za-z0-9+/=]+$/;

/** undefined where the text is one clearsigned message and nothing else; otherwise what is wrong with it. */
export function clearsignedFault(text: string): string | undefined {
  if (/[\r\0]/.test(text)) return "it has a carriage return or a NUL";
  const lines = text.replace(/\n+$/, "").split("\n");
  if (lines[0] !== BEGIN_MESSAGE) return `it does not start with "${BEGIN_MESSAGE}"`;
  if (lines.at(-1) !== END_SIGNATURE) return `it does not end with "${END_SIGNATURE}"`;
  const bodyStart = lines.indexOf("") + 1;
  const bodyEnd = lines.indexOf(BEGIN_SIGNATURE);
  if (bodyStart === 0 || bodyEnd < bodyStart) return `it has no "${BEGIN_SIGNATURE}" after its text`;
  if (!lines.slice(1, bodyStart - 1).every((line) => HASH_HEADER.test(line))) return "a header is not Hash";
  if (lines.slice(bodyStart, bodyEnd).some(isUnescaped))
    return "a line of the text starts with an unescaped dash";
  return isArmour(lines.slice(bodyEnd + 1, -1)) ? undefined : "its signature block is not armour";
}

/** Every line of the text that starts with a dash must be written `- -…`. */
function isUnescaped(line: string): boolean {
  return line.startsWith("-") && !line.startsWith("- ");
}

function isArmour(lines: readonly string[]): boolean {
  const blank = lines.indexOf("");
  const data = lines.slice(blank + 1);
  return (
    blank !== -1 &&
    lines.slice(0, blank).every((line) => ARMOUR_HEADER.test(line)) &&
    data.length > 0 &&
    data.every((line) => BASE64_LINE.test(line))
  );
}
