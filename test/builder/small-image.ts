/** Small images of trees made up on the spot; nothing in here needs vitest, so that a child process can make them too. */
import type { Tree, TreeNode } from "../../src/builder/assemble/tree.ts";
import { buildImage, type BuiltImage } from "../../src/builder/image/build-image.ts";
import { byKey } from "../../src/shared/order.ts";
import { parseRelativePath } from "../../src/shared/relative-path.ts";
import type { Store } from "../../src/shared/store/store.ts";

export const EPOCH = 1_760_000_000;

export const CONFIG = {
  user: "10001:10001",
  entrypoint: ["/bin/tool"],
  command: ["--help"],
  env: ["PATH=/bin"],
  workingDir: "/",
  labels: { "org.opencontainers.image.title": "small" },
  stopSignal: "SIGTERM",
};

type Entry =
  | string
  | { readonly link: string }
  | { readonly hard: string }
  | { readonly text: string; readonly mode: number }
  | undefined;

/** A tree from paths: text is a file, undefined a folder. All files' bytes lie in one blob, as in a .deb. */
export async function smallTree(entries: Readonly<Record<string, Entry>>, store: Store): Promise<Tree> {
  const texts = Object.entries(entries).map(([path, entry]) => ({ path, text: textOf(entry) }));
  const whole = texts.map(({ text }) => text ?? "").join("");
  const { digest: blob } = await store.add([Buffer.from(`head${whole}`)]);
  let offset = 4;
  const nodes = Object.entries(entries).map(([path, entry]): TreeNode => {
    const common = { path: parseRelativePath(path), uid: 0, gid: 0, mtime: EPOCH - 5 };
    if (entry === undefined) return { ...common, kind: "directory", mode: 0o755 };
    if (typeof entry === "object" && "link" in entry)
      return { ...common, kind: "symlink", mode: 0o777, target: entry.link };
    if (typeof entry === "object" && "hard" in entry)
      return { ...common, kind: "hardlink", mode: 0o644, target: parseRelativePath(entry.hard) };
    const sizeBytes = Buffer.byteLength(textOf(entry) ?? "");
    const content = { blob, offset, sizeBytes };
    offset += sizeBytes;
    return { ...common, kind: "file", mode: typeof entry === "string" ? 0o644 : entry.mode, content };
  });
  return nodes.sort(byKey((node) => node.path));
}

function textOf(entry: Entry): string | undefined {
  if (typeof entry === "string") return entry;
  return typeof entry === "object" && "text" in entry ? entry.text : undefined;
}

/** A base layer and one on top of it. */
export async function smallImage(store: Store, text = "tool"): Promise<BuiltImage> {
  const base = await smallTree(
    {
      etc: undefined,
      "etc/os-release": "ID=small\n",
      lib: undefined,
      "lib/a": "aa",
      "lib/b": { hard: "lib/a" },
    },
    store,
  );
  const top = await smallTree(
    {
      bin: undefined,
      "bin/tool": { text, mode: 0o755 },
      "bin/t": { link: "tool" },
      "bin/zoë": "not ascii",
      [`bin/${"long".repeat(40)}`]: "a long name",
      "bin/empty": "",
    },
    store,
  );
  const root = [...base, ...top].sort(byKey((node) => node.path));
  return buildImage(
    { name: "small", version: "0.1.0", config: CONFIG, layers: [base, top], root, epoch: EPOCH },
    { store },
  );
}
