/** Containers of a world's engine in which Node and Perl of this machine run, on a root that holds nothing but busybox. */
import { copyFile, mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "../../src/shared/exec.ts";
import type { World } from "../../src/world/world.ts";

export const IMAGE = "localhost/busybox:test";

export async function docker(world: World, ...args: readonly string[]): Promise<string> {
  const { stdout } = await exec("docker", ["-H", world.engineAddress, ...args], { timeoutMs: 120_000 });
  return stdout.trim();
}

export async function importBusybox(world: World): Promise<void> {
  const root = join(world.folder, "root");
  await mkdir(join(root, "usr/bin"), { recursive: true });
  await copyFile("/usr/bin/busybox", join(root, "usr/bin/busybox"));
  await symlink("busybox", join(root, "usr/bin/sh"));
  for (const name of ["bin", "lib", "lib64"]) await symlink(`usr/${name}`, join(root, name));
  await exec("tar", ["-C", root, "-cf", `${root}.tar`, "."]);
  await docker(world, "import", `${root}.tar`, IMAGE);
}

/** What it printed. The mounts are all that it has of this machine. */
export async function runNode(
  world: World,
  { network, script, argument }: { network: string; script: string; argument: string },
): Promise<string> {
  const mounts = [
    "/usr/lib",
    "/usr/lib64",
    "/usr/bin/perl",
    `${process.execPath}:/node`,
    `${script}:/script.ts`,
  ];
  const binds = mounts.flatMap((one) => ["--volume", one.includes(":") ? `${one}:ro` : `${one}:${one}:ro`]);
  return docker(world, "run", "--rm", "--network", network, ...binds, IMAGE, "/node", "/script.ts", argument);
}
