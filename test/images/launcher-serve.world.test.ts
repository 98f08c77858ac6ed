import { mkdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exec } from "../../src/shared/exec.ts";
import { buildLauncher, type Launcher, readIfThere, serve, start } from "./launcher.ts";

/** Prints its own environment; env itself would take the appended options for its own. */
const ENV_PROGRAM = ["/bin/sh", "-c", "cat /proc/$$/environ", "fake"];

let launcher: Launcher;
let folders = 0;

beforeAll(async () => {
  launcher = await buildLauncher();
});

afterAll(async () => {
  await rm(launcher.folder, { recursive: true });
});

async function freshFolder(): Promise<string> {
  const folder = join(launcher.folder, `case-${String(folders++)}`);
  await mkdir(folder);
  return folder;
}

/** A socket file as a server leaves it that was killed: bound, then closed without unlink. */
async function leaveStaleSocket(path: string): Promise<void> {
  const server = await listen(`${path}.moving`);
  await exec("mv", [`${path}.moving`, path]);
  await new Promise((resolve) => server.close(resolve));
}

async function listen(path: string): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return server;
}

async function isSocket(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isSocket() ?? false;
}

describe("serve --socket", () => {
  test("removes stale sockets, and minds nothing at a path where nothing is", async () => {
    const folder = await freshFolder();
    const [one, two] = [join(folder, "one.sock"), join(folder, "two.sock")];
    await leaveStaleSocket(one);
    await leaveStaleSocket(two);
    expect(await isSocket(one)).toBe(true);

    const options = ["--socket", one, "--socket", two, "--socket", join(folder, "none.sock")];
    const result = await serve(launcher, options, "exit 5");

    expect(result.exitCode).toBe(5);
    expect(await isSocket(one)).toBe(false);
    expect(await isSocket(two)).toBe(false);
  });

  test("leaves a regular file, a folder and a symbolic link to a socket alone and exits 73", async () => {
    const folder = await freshFolder();
    const [file, directory, link] = [join(folder, "file"), join(folder, "folder"), join(folder, "link")];
    await writeFile(file, "precious");
    await mkdir(directory);
    await leaveStaleSocket(join(folder, "real.sock"));
    await symlink("real.sock", link);

    for (const path of [file, directory, link]) {
      const result = await serve(launcher, ["--socket", path], "echo started");
      expect(result).toMatchObject({ exitCode: 73, stdout: "" });
      expect(result.stderr).toContain(`"${path}": something else is there`);
    }
    expect(await readIfThere(file)).toBe("precious");
    expect(await isSocket(link)).toBe(true);
  });

  test("leaves a socket that somebody listens on alone and exits 73", async () => {
    const path = join(await freshFolder(), "live.sock");
    const server = await listen(path);
    const result = await serve(launcher, ["--socket", path], "echo started");
    expect(result).toMatchObject({ exitCode: 73, stdout: "" });
    expect(result.stderr).toContain("another server listens on it");
    expect(await isSocket(path)).toBe(true);
    await new Promise((resolve) => server.close(resolve));
  });
});

describe("serve --api-key-file", () => {
  test.each([
    ["empty", ""],
    ["blank lines only", "\n\n\n"],
    ["comments only", "# one\n#two\n\n# three"],
    ["spaces, which upstream takes as a key", "   \n"],
    ["a carriage return, which upstream takes as a key", "# comment\r\n\r\nsecret-1\r\n"],
    ["a key with a blank in it", "good-key\nbad key\n"],
    ["a comment behind a blank, which upstream takes as a key", "secret-1\n #comment\n"],
    ["a zero byte", "sec\u0000ret\n"],
    ["a byte order mark", "\uFEFFsecret\n"],
  ])("refuses with 78 and shows no content: %s", async (_, content) => {
    const file = join(await freshFolder(), "keys");
    await writeFile(file, content);
    const result = await serve(launcher, ["--api-key-file", file], "echo started");
    expect(result).toMatchObject({ exitCode: 78, stdout: "" });
    expect(result.stderr).toMatch(/^cloister-launcher: Cannot serve with the API key file ".*": .*$/);
    expect(result.stderr).not.toMatch(/secret|key-|sec/);
  });

  test("refuses with 78: a missing file, a folder, a named pipe, a file it may not read", async () => {
    const folder = await freshFolder();
    await exec("mkfifo", [join(folder, "pipe")]);
    await writeFile(join(folder, "closed"), "secret\n", { mode: 0o600 });
    const expected = {
      missing: "No such file or directory",
      ".": "it is not a regular file",
      pipe: "it is not a regular file",
      closed: "Permission denied",
    };
    for (const [name, reason] of Object.entries(expected)) {
      const args = ["serve", "--api-key-file", join(folder, name), "--", "/bin/echo", "started"];
      const result = await start(launcher.path, args, { uid: 65_534 });
      expect(result).toMatchObject({ exitCode: 78, stdout: "" });
      expect(result.stderr).toContain(`": ${reason}, expected one key a line`);
    }
  });

  test.each([
    ["a comment, a blank line and a key", "# key\n\nsecret\n"],
    ["a key without a line end", "secret"],
    ["two keys", "one\ntwo\n"],
  ])("starts with %s and names the checked file to the program", async (_, content) => {
    const file = join(await freshFolder(), "keys");
    await writeFile(file, content);
    const result = await serve(launcher, ["--api-key-file", file], 'echo "$@"');
    expect(result.exitCode).toBe(0);
    expect(result.stdout).toMatch(new RegExp(` --api-key-file ${file}$`));
  });

  test("refuses a program that names a file which was not checked, and does not name the same one twice", async () => {
    const folder = await freshFolder();
    const [checked, other] = [join(folder, "checked"), join(folder, "other")];
    await writeFile(checked, "secret\n");
    const program = ["--", "/bin/echo", "--api-key-file"];
    const options = ["serve", "--api-key-file", checked];

    expect(await start(launcher.path, [...options, ...program, other])).toMatchObject({ exitCode: 64 });
    expect(await start(launcher.path, [...options, ...program])).toMatchObject({ exitCode: 64 });
    expect(await start(launcher.path, ["serve", ...program, other])).toMatchObject({ exitCode: 64 });
    const spelled = ["--", "/bin/echo", "--api_key_file", other];
    expect(await start(launcher.path, [...options, ...spelled])).toMatchObject({ exitCode: 64 });
    const same = await start(launcher.path, [...options, ...program, checked]);
    expect(same.stdout.split("--api-key-file")).toHaveLength(2);
  });
});

describe("serve gives the program", () => {
  test("umask 007, or the one asked for", async () => {
    expect((await serve(launcher, [], "umask")).stdout).toBe("0007");
    expect((await serve(launcher, ["--umask", "027"], "umask")).stdout).toBe("0027");
  });

  test("only the listed environment, and names a dropped LLAMA_ variable without its value", async () => {
    const kept = {
      PATH: "/usr/bin:/bin",
      HOME: "/h",
      LANG: "C",
      LC_ALL: "C",
      TZ: "UTC",
      CUDA_CACHE_PATH: "/c",
      CUDA_VISIBLE_DEVICES: "0",
    };
    const dropped = {
      LLAMA_API_KEY: "hunter2",
      LLAMA_ARG_HOST: "hunter2",
      GGML_BACKEND_PATH: "hunter2",
      HF_TOKEN: "hunter2",
      AIP_MODE: "hunter2",
      MODEL_ENDPOINT: "hunter2",
      LD_PRELOAD_: "hunter2",
      PATHS: "hunter2",
      HOM: "hunter2",
    };
    const result = await start(launcher.path, ["serve", "--", ...ENV_PROGRAM], {
      env: { ...dropped, ...kept },
    });
    const expected = Object.entries(kept).map(([name, value]) => `${name}=${value}`);
    expect(new Set(result.stdout.split("\0").filter((entry) => entry !== ""))).toEqual(new Set(expected));
    expect(result.stderr).toContain("LLAMA_ARG_HOST is not passed on");
    expect(result.stderr).toContain("GGML_BACKEND_PATH is not passed on");
    expect(result.stderr).not.toContain("hunter2");
  });

  test("no new privileges, and stays readable for its own user", async () => {
    const args = [
      "serve",
      "--",
      "/bin/sh",
      "-c",
      "cat /proc/self/status; stat -c owner=%u /proc/1/environ /proc/self/environ",
    ];
    const unshared = [
      "--pid",
      "--fork",
      "--mount-proc",
      "setpriv",
      "--reuid=65534",
      "--clear-groups",
      launcher.path,
    ];
    const result = await start("unshare", [...unshared, ...args, "fake"]);
    expect(result.stdout).toMatch(/^NoNewPrivs:\t1$/m);
    expect(result.stdout).toMatch(/owner=65534\nowner=65534$/);
  });
});

/** What the program is told under these files of a cgroup root. */
async function threadsFor(files: Readonly<Record<string, string>>, prefix: readonly string[] = []) {
  const root = await freshFolder();
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(root, name, ".."), { recursive: true });
    await writeFile(join(root, name), content);
  }
  const command = [launcher.path, "serve", "--cgroup-root", root, "--", "/bin/sh", "-c", 'echo "$@"', "fake"];
  const [file = "", ...args] = [...prefix, ...command];
  return (await start(file, args)).stdout;
}

async function allowedCpus(): Promise<number> {
  return Number((await exec("nproc", [])).stdout);
}

function both(count: number): string {
  return `--threads ${String(count)} --threads-batch ${String(count)}`;
}

async function echoed(...words: readonly string[]): Promise<string> {
  return (await start(launcher.path, ["serve", "--", "/bin/echo", ...words])).stdout;
}

describe("serve --threads", () => {
  test("follow the affinity mask where no quota is set or known", async () => {
    const cpus = await allowedCpus();
    expect(await threadsFor({})).toBe(both(cpus));
    expect(await threadsFor({ "cpu.max": "max 100000\n" })).toBe(both(cpus));
    expect(await threadsFor({ "cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n" })).toBe(
      both(cpus),
    );
    expect(await threadsFor({}, ["taskset", "-c", "0"])).toBe(both(1));
  });

  test("follow a quota of either cgroup version, rounded up, at least 1", async () => {
    expect(await threadsFor({ "cpu.max": "100000 100000\n" })).toBe(both(1));
    expect(await threadsFor({ "cpu.max": "1000 100000\n" })).toBe(both(1));
    expect(await threadsFor({ "cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "50000\n" })).toBe(
      both(1),
    );
    const joined = { "cpu,cpuacct/cpu.cfs_quota_us": "99999\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n" };
    expect(await threadsFor(joined)).toBe(both(1));
  });

  test("round 1.5 CPUs up to 2 and never pass the affinity mask", async () => {
    const most = await allowedCpus();
    expect(await threadsFor({ "cpu.max": "150000 100000\n" })).toBe(both(Math.min(2, most)));
    expect(await threadsFor({ "cpu.max": "99999999999 1000\n" })).toBe(both(most));
    expect(await threadsFor({ "cpu.max": "150000 100000\n" }, ["taskset", "-c", "0"])).toBe(both(1));
  });

  test.each([
    "",
    "\n",
    "garbage",
    "100000",
    "100000 0",
    "0 100000",
    "-5 100000",
    "1e5 100000",
    "9".repeat(40),
  ])("take an unreadable cpu.max as no quota: %j", async (content) => {
    expect(await threadsFor({ "cpu.max": content })).toBe(both(await allowedCpus()));
  });

  test("are left alone where the program has them in any spelling", async () => {
    expect(await echoed("-t", "7", "-tb", "8")).toBe("-t 7 -tb 8");
    expect(await echoed("--threads", "7", "--threads_batch", "8")).toBe("--threads 7 --threads_batch 8");
    expect(await echoed("-t", "7")).toMatch(/^-t 7 --threads-batch \d+$/);
    expect(await echoed("--threads-batch", "8")).toMatch(/^--threads-batch 8 --threads \d+$/);
  });
});

describe("the command line", () => {
  test.each([
    [[]],
    [["bake"]],
    [["serve"]],
    [["serve", "--"]],
    [["serve", "--socket", "/x"]],
    [["serve", "--socket", "--", "/bin/true"]],
    [["serve", "--socket", "", "--", "/bin/true"]],
    [["serve", "--unknown", "1", "--", "/bin/true"]],
    [["serve", "--umask", "8", "--", "/bin/true"]],
    [["serve", "--umask", "1777", "--", "/bin/true"]],
    [["serve", "--umask", "-1", "--", "/bin/true"]],
    [["serve", "--stop-grace-ms", "0", "--", "/bin/true"]],
    [["serve", "--stop-grace-ms", "2s", "--", "/bin/true"]],
    [["serve", "--stop-grace-ms", "99999999999999999999", "--", "/bin/true"]],
    [["health"]],
    [["health", "--socket"]],
    [["health", "--socket", "/x", "--timeout-ms", "-1"]],
    [["health", "--socket", "/x", "stray"]],
  ])("exits 64 with one sentence on %j", async (args) => {
    const result = await start(launcher.path, args);
    expect(result.exitCode).toBe(64);
    expect(result.stdout).toBe("");
    expect(result.stderr).toMatch(/^cloister-launcher: Cannot [^\n]+$/);
  });

  test("--version and --help answer on standard output", async () => {
    expect(await start(launcher.path, ["--version"])).toMatchObject({
      exitCode: 0,
      stdout: "cloister-launcher 1",
    });
    const help = await start(launcher.path, ["--help"]);
    expect(help.exitCode).toBe(0);
    expect(help.stdout).toContain("Exit codes of serve:");
  });
});
