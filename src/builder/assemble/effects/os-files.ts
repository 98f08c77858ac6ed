/** What the postinst of base-files makes on its first installation, which a root always is. */
import { parseRelativePath } from "../../../shared/relative-path.ts";
import type { NewNode } from "../new-node.ts";
import type { RootBuilder } from "../root-builder.ts";

/** Static ids of base-passwd (Debian Policy 9.2.2). */
const GROUP = { mail: 8, utmp: 43 } as const;

const DEFAULTS = {
  "dot.profile": "root/.profile",
  "dot.bashrc": "root/.bashrc",
  profile: "etc/profile",
  motd: "etc/motd",
};

const FOLDERS = ["mnt", "srv", "opt", "etc/opt", "var/opt", "media"];
const LOCAL_FOLDERS = [
  "",
  "/share",
  "/share/man",
  "/bin",
  "/games",
  "/lib",
  "/include",
  "/sbin",
  "/src",
  "/etc",
];
const LOGIN_RECORDS = { wtmp: 0o664, btmp: 0o660, lastlog: 0o664 };

/** Nothing takes the place of what a package has. */
export function osFiles(builder: RootBuilder): readonly NewNode[] {
  const has = (path: string) => builder.get(parseRelativePath(path)) !== undefined;
  const nodes: NewNode[] = [
    ...Object.entries(DEFAULTS).flatMap(([name, path]) => copyDefault(builder, name, path)),
    ...FOLDERS.map((path): NewNode => ({ kind: "directory", path })),
    { kind: "directory", path: "var/mail", mode: 0o2775, gid: GROUP.mail },
    { kind: "symlink", path: "var/spool/mail", target: "../mail" },
    { kind: "directory", path: "run/lock", mode: 0o1777 },
    ...LOCAL_FOLDERS.map((path): NewNode => ({ kind: "directory", path: `usr/local${path}` })),
    { kind: "symlink", path: "usr/local/man", target: "share/man" },
    ...Object.entries(LOGIN_RECORDS).map(([name, mode]): NewNode => ({
      kind: "bytes",
      path: `var/log/${name}`,
      bytes: new Uint8Array(0),
      mode,
      gid: GROUP.utmp,
    })),
  ];
  if (has("etc/dpkg/origins/debian"))
    nodes.push({ kind: "symlink", path: "etc/dpkg/origins/default", target: "debian" });
  if (has("usr/share/info")) nodes.push(...copyDefault(builder, "info.dir", "usr/share/info/dir"));
  return [...nodes.filter(({ path }) => !has(path)), ...runLinks(builder)];
}

function copyDefault(builder: RootBuilder, name: string, path: string): readonly NewNode[] {
  const source = builder.get(parseRelativePath(`usr/share/base-files/${name}`));
  return source?.kind === "file" ? [{ kind: "copy", path, content: source.content }] : [];
}

/** Packages have /var/run and /var/lock as empty folders. */
function runLinks(builder: RootBuilder): readonly NewNode[] {
  const links = { "var/run": "/run", "var/lock": "/run/lock" };
  return Object.entries(links).flatMap(([path, target]): NewNode[] => {
    const known = parseRelativePath(path);
    const isFree = builder.get(known)?.kind !== "symlink" && !builder.hasBelow(known);
    return isFree ? [{ kind: "symlink", path, target }] : [];
  });
}
