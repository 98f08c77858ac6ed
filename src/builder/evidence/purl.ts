/** purl-spec, "How to build": everything but unreserved characters and the colon is percent-encoded, the plus sign too. */
export type PurlParts = {
  readonly type: string;
  readonly namespace?: string;
  readonly name: string;
  readonly version: string;
  readonly qualifiers?: Readonly<Record<string, string>>;
};

export function purl(parts: PurlParts): string {
  const namespace = parts.namespace === undefined ? "" : `${encode(parts.namespace)}/`;
  const qualifiers = Object.entries(parts.qualifiers ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${encode(value)}`)
    .join("&");
  const tail = qualifiers === "" ? "" : `?${qualifiers}`;
  return `pkg:${parts.type}/${namespace}${encode(parts.name)}@${encode(parts.version)}${tail}`;
}

function encode(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%3A", ":");
}
