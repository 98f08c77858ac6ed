/** ld.so.conf as ldconfig of Debian's glibc 2.36 reads it: which folders hold libraries, in which order. */
import { resolveFile, resolvePath, type RootView } from "../resolve-path.ts";
import type { ContentReader } from "../contents.ts";

export const CONFIGURATION = "etc/ld.so.conf";
/** What package libc-bin has there. */
export const DEFAULT_CONFIGURATION = "include /etc/ld.so.conf.d/*.conf\n\n";

/** Built into Debian's ldconfig and loader for this architecture, searched last. */
const BUILT_IN = ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib", "/usr/lib"];
const MAX_DEPTH = 10;

/** Each folder once, under the first name that it is given by; those that are not there are left out. */
export async function searchFolders(view: RootView, contents: ContentReader): Promise<readonly string[]> {
  const own = resolveFile(view, CONFIGURATION);
  const text = own === undefined ? DEFAULT_CONFIGURATION : await textOf(own.content, contents);
  const configured = await parseConfiguration(text, { view, contents, folder: "/etc", depth: 0 });
  const seen = new Set<string>();
  return [...configured, ...BUILT_IN].filter((folder) => {
    const real = resolvePath(view, folder);
    if (real === undefined || seen.has(real) || view.nodes.get(real)?.kind !== "directory") return false;
    seen.add(real);
    return true;
  });
}

type Place = {
  readonly view: RootView;
  readonly contents: ContentReader;
  /** Relative patterns are of this one. */
  readonly folder: string;
  readonly depth: number;
};

async function parseConfiguration(text: string, place: Place): Promise<readonly string[]> {
  const folders: string[] = [];
  for (const line of text.split("\n")) {
    const words = line.replace(/#.*/, "").trim();
    if (words === "" || /^hwcap\s/.test(words)) continue;
    const [, patterns] = /^include\s+(.*)$/.exec(words) ?? [];
    if (patterns === undefined) folders.push((words.split(/[\s=]/, 1)[0] ?? "").replace(/(?<=.)\/+$/, ""));
    else for (const pattern of patterns.split(/\s+/)) folders.push(...(await include(pattern, place)));
  }
  return folders.filter((folder) => folder.startsWith("/"));
}

async function include(pattern: string, place: Place): Promise<readonly string[]> {
  if (place.depth >= MAX_DEPTH) return [];
  const path = pattern.startsWith("/") ? pattern : `${place.folder}/${pattern}`;
  const cut = path.lastIndexOf("/");
  const folder = path.slice(0, cut);
  const matches = new RegExp(
    `^${path
      .slice(cut + 1)
      .split("*")
      .map(quote)
      .join("[^/]*")}$`,
  );
  const folders: string[] = [];
  for (const name of place.view.names.get(resolvePath(place.view, folder) ?? "\0") ?? []) {
    const file =
      matches.test(name) && !name.startsWith(".") ? resolveFile(place.view, `${folder}/${name}`) : undefined;
    if (file === undefined) continue;
    const text = await textOf(file.content, place.contents);
    folders.push(...(await parseConfiguration(text, { ...place, folder, depth: place.depth + 1 })));
  }
  return folders;
}

function quote(text: string): string {
  return text
    .replaceAll("?", "\u0001")
    .replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)
    .replaceAll("\u0001", "[^/]");
}

async function textOf(
  content: Parameters<ContentReader["read"]>[0],
  contents: ContentReader,
): Promise<string> {
  return Buffer.from(await contents.read(content, { offset: 0, sizeBytes: 1 << 16 })).toString("utf8");
}
