/**
 * A project's page in an index of Python packages: PEP 691 JSON where the server has it, else PEP 503 HTML. Files may lie on any
 * host; what makes one the right one is its digest.
 */
import { digestFromHex, type Digest } from "../../../shared/digest.ts";
import { AppError } from "../../../shared/errors.ts";
import { compileSchema, parseAs, type Validator } from "../../../shared/schema.ts";
import { readDocument, urlBelow, type DocumentDeps, type RegistryDocument } from "./read-document.ts";

export type IndexFile = {
  readonly name: string;
  readonly url: string;
  readonly sha256?: Digest;
  readonly sizeBytes?: number;
};

type JsonPage = {
  readonly files: readonly {
    readonly filename: string;
    readonly url: string;
    readonly hashes: Readonly<Record<string, string>>;
    readonly size?: number;
  }[];
};

const JSON_TYPE = "application/vnd.pypi.simple.v1+json";
const ACCEPT = `${JSON_TYPE}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01`;
const SHA256 = /^[0-9a-f]{64}$/;

const validate: Validator<JsonPage> = compileSchema<JsonPage>({
  type: "object",
  required: ["files"],
  properties: {
    files: {
      type: "array",
      items: {
        type: "object",
        required: ["filename", "url", "hashes"],
        properties: {
          filename: { type: "string" },
          url: { type: "string" },
          hashes: { type: "object", additionalProperties: { type: "string" } },
          size: { type: "integer", minimum: 0 },
        },
      },
    },
  },
});

/** PEP 503: names that differ in case and in runs of `-`, `_` and `.` are one project. */
export function normaliseProject(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, "-");
}

/** Throws AppError INDEX_PAGE_MALFORMED (integrity), and what reading a document throws. */
export async function readProjectPage(
  index: string,
  project: string,
  deps: DocumentDeps,
): Promise<readonly IndexFile[]> {
  const url = `${urlBelow(index, normaliseProject(project))}/`;
  return parseProjectPage(await readDocument({ url, accept: ACCEPT }, deps));
}

export function parseProjectPage(page: RegistryDocument): readonly IndexFile[] {
  const text = page.bytes.toString("utf8");
  return page.contentType.startsWith(JSON_TYPE)
    ? parseJsonPage(text, page.url)
    : parseHtmlPage(text, page.url);
}

function parseJsonPage(text: string, base: string): readonly IndexFile[] {
  const page = parseAs(text, { validate, invalid: (why) => malformed(base, why) });
  return page.files.map(({ filename, url, hashes, size }) => ({
    name: filename,
    url: absolute(url, base),
    ...digestField(hashes["sha256"], base),
    ...(size === undefined ? {} : { sizeBytes: size }),
  }));
}

const ANCHOR = /<a\s([^>]*)>([^<]*)<\/a\s*>/gi;
const HREF = /(?:^|\s)href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/i;

function parseHtmlPage(text: string, base: string): readonly IndexFile[] {
  return [...text.matchAll(ANCHOR)].map(([, attributes = "", label = ""]) => {
    const [, double, single, bare] = HREF.exec(attributes) ?? [];
    const href = double ?? single ?? bare;
    if (href === undefined) throw malformed(base, `the link "${label.slice(0, 80)}" has no address`);
    const url = new URL(absolute(unescapeHtml(href), base));
    const [, hex] = /^#sha256=(.*)$/.exec(url.hash) ?? [];
    url.hash = "";
    return { name: unescapeHtml(label).trim(), url: url.href, ...digestField(hex, base) };
  });
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function unescapeHtml(text: string): string {
  return text.replace(/&(#?\w{1,8});/g, (whole, entity: string) => {
    const [, decimal, hex] = /^#(?:(\d{1,6})|x([0-9a-f]{1,5}))$/i.exec(entity) ?? [];
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    return ENTITIES[entity] ?? whole;
  });
}

function digestField(hex: string | undefined, base: string): { readonly sha256?: Digest } {
  if (hex === undefined) return {};
  if (!SHA256.test(hex)) throw malformed(base, `"${hex.slice(0, 80)}" is no sha256`);
  return { sha256: digestFromHex(hex) };
}

function absolute(url: string, base: string): string {
  const parsed = URL.parse(url, base);
  if (parsed === null) throw malformed(base, `"${url.slice(0, 80)}" is no address`);
  return parsed.href;
}

function malformed(url: string, why: string): AppError {
  return new AppError(
    { class: "integrity", code: "INDEX_PAGE_MALFORMED" },
    `Cannot read the index page "${url}": ${why}`,
    { fields: { url } },
  );
}
