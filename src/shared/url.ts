/** URLs as messages and requests need them: credentials go into a header and never into a text. */
import { AppError, messageOf } from "./errors.ts";

export type HttpTarget = {
  /** Without user name and password. */
  readonly url: URL;
  /** The value of an Authorization header, where the URL had a user name. */
  readonly authorization?: string;
};

/** Throws AppError URL_INVALID (usage). */
export function parseHttpUrl(text: string): HttpTarget {
  const url = parseUrl(text);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw invalid(text, `its scheme is "${url.protocol}"`);
  const { username, password } = url;
  url.username = "";
  url.password = "";
  if (username === "" && password === "") return { url };
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { url, authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}

/** For messages: no credentials, and no query, which may hold a signature that is as good as one. */
export function showUrl(url: URL | string): string {
  if (typeof url === "string" && !URL.canParse(url)) return url.replace(/\/\/[^/]*@/g, "//");
  const { origin, pathname, protocol } = new URL(url);
  return origin === "null" ? `${protocol}${pathname}` : `${origin}${pathname}`;
}

function parseUrl(text: string): URL {
  try {
    return new URL(text);
  } catch (error) {
    throw invalid(text, messageOf(error));
  }
}

function invalid(text: string, why: string): AppError {
  return new AppError(
    { class: "usage", code: "URL_INVALID" },
    `Cannot use address "${showUrl(text)}": ${why}, expected http:// or https://`,
  );
}
