import { rm } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  buildLauncher,
  childrenOf,
  eventually,
  type Launcher,
  readIfThere,
  serve,
  start,
  stateOf,
} from "./launcher.ts";

let launcher: Launcher;
let cases = 0;

beforeAll(async () => {
  launcher = await buildLauncher();
});

afterAll(async () => {
  await rm(launcher.folder, { recursive: true });
});

const GRACE_MS = 800;

/** Waits in short sleeps, so that the shell's traps run soon; at most twenty seconds, should a test fail. */
const LOOP = "i=0; while [ $((i=i+1)) -lt 1000 ]; do sleep 0.02; done";
const WAIT = `echo $$ > "$READY"; ${LOOP}`;

/** A program that has set its traps and wrote its pid when this resolves. */
async function serveReady(traps: string) {
  const ready = join(launcher.folder, `ready-${String(cases++)}`);
  const script = `READY=${ready}; ${traps}; ${WAIT}`;
  const running = serve(launcher, ["--stop-grace-ms", String(GRACE_MS)], script);
  const pid = await eventually(async () => Number((await readIfThere(ready))?.trim()) || undefined);
  return { running, pid };
}

async function stopped(running: ReturnType<typeof serve>, signal: NodeJS.Signals) {
  const began = performance.now();
  running.kill(signal);
  const result = await running;
  return { result, tookMs: performance.now() - began };
}

describe("the end of the program", () => {
  test("hands its status on", async () => {
    expect((await serve(launcher, [], "exit 0")).exitCode).toBe(0);
    expect((await serve(launcher, [], "exit 7")).exitCode).toBe(7);
    expect((await serve(launcher, [], "exit 1")).exitCode).toBe(1);
  });

  test("is 128 + n when a signal killed it that nobody asked for", async () => {
    expect((await serve(launcher, [], "kill -9 $$")).exitCode).toBe(137);
    expect((await serve(launcher, [], "kill -TERM $$")).exitCode).toBe(143);
    expect((await serve(launcher, [], "kill -SEGV $$")).exitCode).toBe(139);
  });

  test("is 127 where it does not exist and 126 where it cannot be executed", async () => {
    const missing = await start(launcher.path, ["serve", "--", "/nonexistent/program"]);
    expect(missing).toMatchObject({ exitCode: 127 });
    expect(missing.stderr).toContain('Cannot start "/nonexistent/program": No such file or directory');
    expect(await start(launcher.path, ["serve", "--", "/etc/passwd"])).toMatchObject({ exitCode: 126 });
  });
});

describe("a stop", () => {
  test.each(["SIGTERM", "SIGINT"] as const)(
    "by %s reaches the program and is clean with status 0",
    async (signal) => {
      const { running } = await serveReady(`trap "echo bye; exit 0" ${signal.slice(3)}`);
      const { result, tookMs } = await stopped(running, signal);
      expect(result).toMatchObject({ exitCode: 0, stdout: "bye" });
      expect(tookMs).toBeLessThan(GRACE_MS);
    },
  );

  test("is clean where the program has no handler yet and dies by the signal", async () => {
    const { running } = await serveReady(":");
    expect((await stopped(running, "SIGTERM")).result.exitCode).toBe(0);
  });

  test("hands on a status that the program chose itself", async () => {
    const { running } = await serveReady('trap "exit 9" TERM');
    expect((await stopped(running, "SIGTERM")).result.exitCode).toBe(9);
    const failed = await serveReady('trap "exit 1" TERM');
    expect((await stopped(failed.running, "SIGTERM")).result.exitCode).toBe(1);
  });

  test("that hangs on the first signal gets a second TERM after the grace; status 1 is then clean", async () => {
    const { running } = await serveReady(
      'n=0; trap "n=\\$((n+1)); echo term \\$n; [ \\$n -lt 2 ] || exit 1" TERM',
    );
    const { result, tookMs } = await stopped(running, "SIGTERM");
    expect(result).toMatchObject({ exitCode: 0, stdout: "term 1\nterm 2" });
    expect(tookMs).toBeGreaterThanOrEqual(GRACE_MS - 5);
    expect(tookMs).toBeLessThan(2 * GRACE_MS);
  });

  test("that a second TERM from outside hurries does not wait for the grace", async () => {
    const { running } = await serveReady('n=0; trap "n=\\$((n+1)); [ \\$n -lt 2 ] || exit 1" TERM');
    running.kill("SIGTERM");
    await new Promise((resolve) => setTimeout(resolve, 100));
    const { result, tookMs } = await stopped(running, "SIGTERM");
    expect(result.exitCode).toBe(0);
    expect(tookMs).toBeLessThan(GRACE_MS - 100);
  });

  test("that both TERM fail to bring is ended by KILL: 137, with a sentence", async () => {
    const { running, pid } = await serveReady('trap "" TERM');
    const { result, tookMs } = await stopped(running, "SIGTERM");
    expect(result.exitCode).toBe(137);
    expect(result.stderr).toContain("did not stop");
    expect(tookMs).toBeGreaterThanOrEqual(2 * GRACE_MS - 5);
    expect(await stateOf(pid)).toBeUndefined();
  });
});

describe("signals and processes", () => {
  test.each(["SIGHUP", "SIGQUIT"] as const)(
    "%s is passed on and does not stop anything by itself",
    async (signal) => {
      const { running } = await serveReady(`trap "echo got it; trap - TERM" ${signal.slice(3)}`);
      running.kill(signal);
      await new Promise((resolve) => setTimeout(resolve, 2 * GRACE_MS + 100));
      expect(await stateOf(running.pid ?? 0)).toBe("S");
      const { result } = await stopped(running, "SIGTERM");
      expect(result).toMatchObject({ exitCode: 0, stdout: "got it" });
    },
  );

  test("signals that the caller ignored or blocked reach the program all the same", async () => {
    const ready = join(launcher.folder, "ready-ignored");
    const program = `READY=${ready}; ${WAIT}`;
    const inner = `trap "" TERM INT; exec ${launcher.path} serve -- /bin/sh -c '${program}' fake`;
    const running = start("/bin/sh", ["-c", inner]);
    const pid = await eventually(async () => Number((await readIfThere(ready))?.trim()) || undefined);
    expect(await readIfThere(`/proc/${pid}/status`)).toMatch(/^SigIgn:\t0+$/m);
    expect((await stopped(running, "SIGTERM")).result.exitCode).toBe(0);
  });

  test("orphans are reaped while the program runs, also where one signal stands for two of them", async () => {
    // The shells in the middle end at once; their children are then ours.
    const { running, pid } = await serveReady("(sleep 20 &) ; (sleep 20 &)");
    const launcherPid = running.pid ?? 0;
    const orphans = await eventually(async () => {
      const children = await childrenOf(launcherPid);
      return children.length === 3 ? children.filter((child) => child !== pid) : undefined;
    });
    process.kill(launcherPid, "SIGSTOP");
    for (const orphan of orphans) process.kill(orphan, "SIGKILL");
    for (const orphan of orphans) await eventually(async () => (await stateOf(orphan)) === "Z" || undefined);
    process.kill(launcherPid, "SIGCONT");
    await eventually(async () => (await childrenOf(launcherPid)).length === 1 || undefined);
    expect(await childrenOf(launcherPid)).toEqual([pid]);
    await stopped(running, "SIGTERM");
  });

  test("the program dies with the launcher", async () => {
    const { running, pid } = await serveReady(":");
    expect(await stateOf(pid)).toBeDefined();
    running.kill("SIGKILL");
    // Somebody else's zombie from here on.
    await eventually(async () => ["Z", undefined].includes(await stateOf(pid)) || undefined);
    await running;
  });

  test("as PID 1 a TERM ends a program without a handler, which alone as PID 1 would ignore it", async () => {
    const alone = await unshared(["/bin/sh", "-c", LOOP]);
    process.kill(alone.pid, "SIGTERM");
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await stateOf(alone.pid)).toBeDefined();
    process.kill(alone.pid, "SIGKILL");
    await alone.running;

    const ours = await unshared([launcher.path, "serve", "--", "/bin/sh", "-c", LOOP, "fake"]);
    await eventually(async () => ((await childrenOf(ours.pid)).length > 0 ? true : undefined));
    process.kill(ours.pid, "SIGTERM");
    expect((await ours.running).exitCode).toBe(0);
  });
});

/** Runs a program as PID 1 of a namespace of its own; `pid` is what it is called out here. */
async function unshared(command: readonly string[]) {
  const running = start("unshare", ["--pid", "--fork", ...command]);
  const pid = await eventually(async () => (await childrenOf(running.pid ?? 0))[0]);
  // Between fork and exec it is still unshare, which has other signal handlers.
  await eventually(async () =>
    (await readIfThere(`/proc/${pid}/comm`))?.trim() === "unshare" ? undefined : true,
  );
  return { running, pid };
}
