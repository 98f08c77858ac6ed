import { AppError } from "./errors.ts";

declare const brand: unique symbol;

/** A path below some root: no leading or trailing slash, no empty, `.` or `..` part, no NUL, no newline. */
export type RelativePath = string & { readonly [brand]: "RelativePath" };

function isRelativePath(text: string): text is RelativePath {
  if (text.length === 0 || text.includes("\0") || text.includes("\n")) return false;
  return text.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

/** Throws AppError PATH_UNSAFE (integrity) for anything that could leave its root or name two things. */
export function parseRelativePath(text: string): RelativePath {
  if (isRelativePath(text)) return text;
  throw new AppError(
    { class: "integrity", code: "PATH_UNSAFE" },
    `Cannot use path ${JSON.stringify(text)}: expected a relative path without empty, "." or ".." parts`,
    { fields: { path: text } },
  );
}

/** Archive members are written `./usr/bin/`, `usr/bin` or `usr/bin/`; all mean the same. `./` alone is the root: undefined. */
export function parseMemberPath(text: string): RelativePath | undefined {
  const inner = text.replace(/^(?:\.\/)+/, "").replace(/\/+$/, "");
  return inner === "" || inner === "." ? undefined : parseRelativePath(inner);
}

export function joinRelative(parent: RelativePath, child: string): RelativePath {
  return parseRelativePath(`${parent}/${child}`);
}

/** undefined for a path directly below the root. */
export function parentOf(path: RelativePath): RelativePath | undefined {
  const cut = path.lastIndexOf("/");
  return cut === -1 ? undefined : parseRelativePath(path.slice(0, cut));
}

/** The one way from a root on this machine and a checked relative path to a host path. */
export function safeJoin(root: string, path: RelativePath): string {
  return `${root}/${path}`;
}
