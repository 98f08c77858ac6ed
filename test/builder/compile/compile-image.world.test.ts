/** Real sandboxes around a shell script: what it may see, what becomes of its result, and what is left when it is stopped. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compileImage } from "../../../src/builder/compile/compile-image.ts";
import { requireSandbox, sandboxArguments } from "../../../src/builder/compile/sandbox.ts";
import { exec } from "../../../src/shared/exec.ts";
import { isErrno } from "../../../src/shared/errors.ts";
import { hexOf } from "../../../src/shared/digest.ts";
import { depsOf, openBench, prepare, SOURCE_DATE, type Bench } from "./small-root.ts";

const PATIENT = { timeout: 20_000 };

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.remove());

async function textOf(tree: Awaited<ReturnType<typeof compileImage>>["tree"], path: string): Promise<string> {
  const node = tree.find((one) => one.path === path);
  if (node?.kind !== "file") throw new Error(`No file ${path}`);
  return await readFile(bench.store.pathOf(node.content.blob), "utf8");
}

async function partialEntries(): Promise<readonly string[]> {
  return await readdir(join(bench.store.root, "partial"));
}

async function probe(script: string): Promise<string> {
  const { tree } = await compileImage(
    await prepare(bench, `(${script}) > /out/answer 2>&1 || true\n`),
    depsOf(bench),
  );
  return await textOf(tree, "opt/thing/answer");
}

describe("what a compile sees", () => {
  test("source, launcher and an empty place to write; the rest cannot be written", async () => {
    const answer = await probe(`
      cat /build/src/hello; ls /build /build/launcher /build/obj
      for place in / /build /build/src/hello /build/launcher /build/script /usr /etc; do
        touch "$place/x" 2>/dev/null || touch "$place" 2>/dev/null && echo "wrote $place"
      done
      touch /build/obj/x /tmp/x && echo done`);
    expect(answer).toBe(
      "hello\n/build:\nlauncher\nobj\nscript\nsrc\n\n/build/launcher:\nmain.c\n\n/build/obj:\ndone\n",
    );
  });

  test("no variable but the four that it is told, whatever the builder's environment holds", async () => {
    process.env["CLOISTER_TEST_SECRET"] = "leaked";
    const here = (await execa("env")).stdout;
    expect(here, "positive control").toContain("CLOISTER_TEST_SECRET=leaked");
    const names = (await probe("env")).trim().split("\n").sort();
    expect(names).toEqual([
      "COMMIT=99435f046125",
      "JOBS=2",
      "PWD=/build",
      `SOURCE_DATE_EPOCH=${SOURCE_DATE}`,
      "VARIANTS=one",
    ]);
  });

  test("no file and no process of the host", async () => {
    const marker = join(bench.folder, "marker");
    await writeFile(marker, "seen");
    const script = `cat ${marker} /etc/hostname; ls -d /proc/[0-9]*; ls / /dev`;
    const outside = (await exec("sh", ["-c", script], { accept: [0, 1, 2] })).stdout;
    expect(outside, "positive control").toMatch(/^seen/);
    expect(outside).toContain(`/proc/${process.pid}\n`);

    const answer = await probe(script);
    expect(answer).toContain(`cat: ${marker}: No such file or directory`);
    expect(answer).toContain("cat: /etc/hostname: No such file or directory");
    expect([...answer.matchAll(/^\/proc\/\d+$/gm)].length, "bwrap, shells and ls").toBeLessThan(7);
    expect(answer).not.toMatch(/^(vda|sda|mem|kmsg|kvm|fuse|loop.*)$/m);
    expect(answer).not.toMatch(/^(root|home|var|sys|run)$/m);
  });

  test("no network: no device but loopback, no route, and a listener of the host that cannot be reached", async () => {
    const server = createServer((socket) => socket.end("reached")).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("No port");
    const connect = ["-c", `exec 3<>/dev/tcp/127.0.0.1/${address.port} && cat <&3`];
    try {
      const outside = await exec("bash", connect);
      expect(outside.stdout, "positive control").toBe("reached");
      const plan = { root: "/", readOnly: [], writable: [], environment: {}, workingDir: "/" };
      const inside = await exec("bwrap", [...sandboxArguments({ ...plan, command: ["bash", ...connect] })], {
        accept: [1],
      });
      expect(inside.exitCode).toBe(1);
      expect(inside.stderr).toContain("Connection refused");
    } finally {
      server.close();
    }
    const answer = await probe("cat /proc/net/dev /proc/net/route; grep -v ' lo$' /proc/net/ipv6_route");
    expect(answer.match(/^ *\S+:/gm)).toEqual([expect.stringMatching(/lo:/)]);
    expect(answer.trimEnd().split("\n").at(-1)).toMatch(/^Iface\s/);
  });

  test("no capability, no other user and no way to make a namespace of its own", async () => {
    const answer = await probe(
      "id -u; grep -E '^(Cap(Eff|Prm|Bnd)|NoNewPrivs)' /proc/self/status; mknod /out/disk b 8 0",
    );
    expect(answer).toMatch(
      /^65534\nCapPrm:\t0+\nCapEff:\t0+\nCapBnd:\t0+\nNoNewPrivs:\t1\nmknod: .*not permitted/,
    );
  });
});

describe("the result of a compile", () => {
  const SCRIPT = `set -eu
umask 077
cat /build/src/hello > /out/lib.so.1.2
ln -s lib.so.1.2 /out/lib.so.1
cat /build/script > /out/run
chmod 700 /out/run
`;

  test("lies below its destination with plain modes, owners and dates", async () => {
    const { tree } = await compileImage(await prepare(bench, SCRIPT), depsOf(bench));
    const common = { uid: 0, gid: 0, mtime: 1_650_000_000 };
    expect(tree).toEqual([
      { ...common, kind: "directory", path: "opt", mode: 0o755 },
      { ...common, kind: "directory", path: "opt/thing", mode: 0o755 },
      { ...common, kind: "symlink", path: "opt/thing/lib.so.1", mode: 0o777, target: "lib.so.1.2" },
      expect.objectContaining({ ...common, kind: "file", path: "opt/thing/lib.so.1.2", mode: 0o644 }),
      expect.objectContaining({ ...common, kind: "file", path: "opt/thing/run", mode: 0o755 }),
    ]);
    expect(await textOf(tree, "opt/thing/lib.so.1.2")).toBe("hello\n");
    expect(await partialEntries()).toEqual([]);
  });

  test("comes from the store the second time, also under another epoch, and not where the cache is ignored", async () => {
    const input = await prepare(bench, `cat /proc/sys/kernel/random/uuid > /out/file\n`);
    const deps = depsOf(bench);
    const first = await compileImage(input, deps);
    const second = await compileImage({ ...input, epoch: 1_660_000_000 }, deps);
    expect(deps.assembled()).toBe(1);
    expect(second.key).toBe(first.key);
    expect(second.tree).toEqual(first.tree.map((node) => ({ ...node, mtime: 1_660_000_000 })));
    const third = await compileImage({ ...input, ignoreCache: true }, deps);
    expect(deps.assembled()).toBe(2);
    expect(third.key).toBe(first.key);
    expect(third.tree).not.toEqual(first.tree);
  });

  test("is compiled anew where script, launcher, backends, source or packages differ, or a blob is gone", async () => {
    const script = "cat /proc/sys/kernel/random/uuid > /out/other\n";
    const input = await prepare(bench, script);
    const deps = depsOf(bench);
    const first = await compileImage(input, deps);
    const launcher = await prepare(bench, script);
    await writeFile(join(launcher.folder, "launcher/main.c"), "int other;\n");
    const source = (await prepare(bench, script)).lock.source;
    const keys = [
      first.key,
      (await compileImage(await prepare(bench, `${script}#`), deps)).key,
      (await compileImage(launcher, deps)).key,
      (await compileImage({ ...input, backends: "all" }, deps)).key,
      (
        await compileImage(
          { ...input, lock: { ...input.lock, source: { ...source, commit: "0".repeat(40) } } },
          deps,
        )
      ).key,
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(deps.assembled()).toBe(keys.length);

    const file = first.tree.find((node) => node.kind === "file");
    if (file?.kind !== "file") throw new Error("No file");
    await rm(bench.store.pathOf(file.content.blob));
    await compileImage(input, deps);
    expect(deps.assembled()).toBe(keys.length + 1);
  });

  test.each([
    ["nothing", ""],
    ["a folder", "mkdir /out/folder"],
    ["a symlink out of it", "ln -s ../etc/passwd /out/link"],
    ["a symlink to nothing", "touch /out/file; ln -s none /out/link"],
  ])("is refused where it is %s", async (_, script) => {
    await expect(compileImage(await prepare(bench, script), depsOf(bench))).rejects.toMatchObject({
      code: "COMPILE_RESULT_INVALID",
    });
    expect(await partialEntries()).toEqual([]);
  });
});

describe("a compile that does not end well", () => {
  test("tells the script's last lines, keeps its whole output until the next build, and remembers nothing", async () => {
    const script = `i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo "line $i"; done; echo "no such thing" >&2; exit 3\n`;
    const failure = compileImage(await prepare(bench, script), depsOf(bench));
    await expect(failure).rejects.toMatchObject({ code: "COMPILE_FAILED", class: "engine" });
    await expect(failure).rejects.toThrow(/line 99\nline 100\nno such thing$/);
    await expect(failure).rejects.not.toThrow(/line 50\n/);
    const [log = "", ...others] = await partialEntries();
    expect(others).toEqual([]);
    const path = join(bench.store.root, "partial", log);
    await expect(failure).rejects.toMatchObject({ fields: { log: path } });
    expect((await readFile(path, "utf8")).split("\n")[0]).toBe("line 1");
    await rm(path);
  });

  test("says that the disk is full where a compiler says so", async () => {
    const script = `echo "cc1plus: error: closing dependency file: No space left on device"; exit 1\n`;
    await expect(compileImage(await prepare(bench, script), depsOf(bench))).rejects.toMatchObject({
      code: "DISK_FULL",
      exitCode: 5,
    });
    for (const name of await partialEntries()) await rm(join(bench.store.root, "partial", name));
  });

  test("refuses at once where bubblewrap is missing, and names the package", async () => {
    const failure = requireSandbox({ PATH: bench.folder });
    await expect(failure).rejects.toMatchObject({ code: "SANDBOX_MISSING", exitCode: 5 });
    await expect(failure).rejects.toMatchObject({ hint: expect.stringContaining("apt-get install") });
  });

  test("says what to fetch where the source is not in the store", async () => {
    const input = await prepare(bench, "");
    const tar = { sha256: input.lock.source.tar.sha256, sizeBytes: 1 };
    await rm(bench.store.pathOf(tar.sha256));
    await expect(compileImage(input, depsOf(bench))).rejects.toMatchObject({
      code: "SOURCE_NOT_FETCHED",
      exitCode: 11,
    });
  });

  test("kills every process in the sandbox when it is stopped, and leaves nothing", async () => {
    const controller = new AbortController();
    const mark = `4242${process.pid}`;
    const script = `trap '' TERM INT; sleep ${mark} & echo "== sleeping"; sleep ${mark}; sleep ${mark}\n`;
    const sleeping = Promise.withResolvers<void>();
    const reporter = {
      step: (text: string) => void (text === "Compile: sleeping" && sleeping.resolve()),
      progress: () => {},
      note: () => {},
    };
    const running = compileImage(
      await prepare(bench, script),
      depsOf(bench, { signal: controller.signal, reporter }),
    );
    await sleeping.promise;
    await expect.poll(() => processesWith(mark), PATIENT).not.toEqual([]); // positive control
    controller.abort(new Error("stopped by the test"));
    await expect(running).rejects.toThrow("stopped by the test");
    await expect.poll(() => processesWith(mark), PATIENT).toEqual([]);
    expect(await partialEntries()).toEqual([]);
  });

  test("leaves only partial things when its process is killed, which the next build removes", async () => {
    const mark = `4343${process.pid}`;
    const input = await prepare(bench, `echo "== sleeping"; sleep ${mark}\n`);
    const child = spawn(process.execPath, [join(import.meta.dirname, "compile-child.ts")], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    child.stdin.end(JSON.stringify({ input, root: bench.root, store: bench.store.root }));
    await once(child.stdout, "data");
    await expect.poll(() => processesWith(mark), PATIENT).not.toEqual([]); // positive control
    child.kill("SIGKILL");
    await once(child, "exit");
    await expect.poll(() => processesWith(mark), PATIENT).toEqual([]);
    const left = await partialEntries();
    expect(left.filter((name) => name.startsWith("compile."))).toHaveLength(2);

    await compileImage(await prepare(bench, "touch /out/file # after a kill\n"), depsOf(bench));
    expect(await partialEntries()).toEqual([]);
  });

  test("does not disturb another one of the same thing in the same store", async () => {
    const input = await prepare(bench, "sleep 1; cat /build/src/hello > /out/file\n");
    const both = await Promise.all([compileImage(input, depsOf(bench)), compileImage(input, depsOf(bench))]);
    expect(both[0]).toEqual(both[1]);
    const file = both[0].tree.find((node) => node.kind === "file");
    if (file?.kind !== "file") throw new Error("No file");
    expect((await stat(bench.store.pathOf(file.content.blob))).size).toBe("hello\n".length);
    expect(hexOf(file.content.blob)).toHaveLength(64);
    expect(await partialEntries()).toEqual([]);
  });
});

/** Ids of the processes whose command line holds the mark. */
async function processesWith(mark: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch((error: unknown) => {
      if (isErrno(error, "ENOENT") || isErrno(error, "ESRCH")) return "";
      throw error;
    });
    if (line.includes(mark)) found.push(pid);
  }
  return found;
}
