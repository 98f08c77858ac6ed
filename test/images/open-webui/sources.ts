/** What the files of a Python package with a web page in it read of the environment, and which hosts stand in them. */
import type { Side } from "../../../src/builder/recipe/switches.ts";

/** Of all that a server or a browser may run or parse; what is left out is fonts, pictures, sound, archives and text for people. */
const CODE = /\.(?:py|js|mjs|ts|css|html|json|svg|xml|webmanifest|ini|mako)$/;
const NO_CODE = /\.(?:map|md|txt|csv|png|ico|webp|ttf|woff2?|mp3|mp4|zip|whl|wasm)$|\/README$|\.dist-info\//;

export function isCode(path: string): boolean {
  return CODE.test(path);
}

/** Neither read as code nor known to be none: a kind of file that nobody has judged. */
export function isUnknownKind(path: string): boolean {
  return !CODE.test(path) && !NO_CODE.test(path);
}

/**
 * Whether Python source reads this variable: its name as a literal that is handed to the environment, or as a key of a table whose
 * keys are. A name in a comment, a message or a stored configuration is not enough.
 */
export function readsVariable(source: string, name: string): boolean {
  const code = source.replaceAll(/^\s*#.*$/gm, "");
  const literal = `\\(\\s*(['"])${name}\\1`;
  if (new RegExp(`\\bos\\.(?:getenv|environ\\.get)${literal}`).test(code)) return true;
  if (new RegExp(`\\bos\\.environ\\[(['"])${name}\\1\\](?!\\s*=[^=])`).test(code)) return true;
  const isTable = /\bfor (\w+), \w+ in \w+\.items\(\):\s+value = os\.environ\.get\(\1\b/.test(code);
  return isTable && new RegExp(`^\\s*(['"])${name}\\1: \\w+,$`, "m").test(code);
}

/** Whose code a file of the wheel is. */
export function sideOf(path: string): Side {
  return /^open_webui\/(?:frontend|static)\//.test(path) ? "browser" : "server";
}

/** Hosts of addresses with a scheme, * for a part that is put in; without those of which nothing is built in. */
export function hostsIn(text: string): readonly string[] {
  const found = [...text.matchAll(/(?:https?|wss?):\\?\/\\?\/([^\s"'`/\\)<>,;|]+)/gi)].map(
    ([, authority = ""]) => hostOf(authority),
  );
  return [...new Set(found)].filter((host) => host !== "" && host !== "*");
}

function hostOf(authority: string): string {
  const named = authority.toLowerCase().replaceAll(/\$?\{[^}]*\}/g, "*");
  const host = named.slice(named.lastIndexOf("@") + 1);
  return host.replace(/[:?#&([{（].*$/u, "").replace(/[.）]+$/u, "");
}
