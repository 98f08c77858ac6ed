/**
 * bubblewrap (bwrap(1)): namespaces of its own for users, processes, network, names and IPC, for root and for any other user,
 * with no daemon and no images. The network namespace has a loopback and nothing else.
 */
import { AppError, messageOf } from "../../shared/errors.ts";
import { exec } from "../../shared/exec.ts";

export const SANDBOX_PROGRAM = "bwrap";

/** The same account whoever builds, and never one that the host knows more about. */
const ACCOUNT = "65534";

const NAMESPACES: readonly string[] = [
  ["--unshare-user", "--disable-userns"],
  ["--uid", ACCOUNT],
  ["--gid", ACCOUNT],
  ["--cap-drop", "ALL"],
  ["--unshare-net"],
  ["--unshare-ipc"],
  ["--unshare-uts", "--hostname", "cloister"],
  ["--unshare-cgroup-try"],
  ["--unshare-pid", "--die-with-parent"],
  ["--new-session", "--clearenv"],
].flat();

export type SandboxPlan = {
  /** Host folder that becomes the root, read-only. */
  readonly root: string;
  readonly readOnly: readonly Mount[];
  readonly writable: readonly Mount[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDir: string;
  readonly command: readonly string[];
};

type Mount = { readonly from: string; readonly to: string };

/** Arguments for SANDBOX_PROGRAM. Mount points are made in the root before it turns read-only. */
export function sandboxArguments(plan: SandboxPlan): readonly string[] {
  const mounts = [
    ["--bind", plan.root, "/"],
    ...plan.readOnly.map(({ from, to }) => ["--ro-bind", from, to]),
    ...plan.writable.map(({ from, to }) => ["--bind", from, to]),
    ["--proc", "/proc"],
    ["--dev", "/dev"],
    ["--tmpfs", "/tmp"],
    ["--remount-ro", "/"],
  ];
  const environment = Object.entries(plan.environment).map(([name, value]) => ["--setenv", name, value]);
  return [...NAMESPACES, ...mounts, ...environment, ["--chdir", plan.workingDir, "--"], plan.command].flat();
}

/** Throws AppError SANDBOX_MISSING where bubblewrap is not installed, SANDBOX_REFUSED where the kernel lets it make nothing (preflight). */
export async function requireSandbox(env?: Readonly<Record<string, string>>): Promise<void> {
  const mounts = ["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"];
  try {
    await exec(
      SANDBOX_PROGRAM,
      [...NAMESPACES, ...mounts, "--", "/bin/sh", "-c", ":"],
      env === undefined ? {} : { env },
    );
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw error.code === "EXEC_MISSING" ? sandboxMissing(error) : sandboxRefused(error);
  }
}

function sandboxMissing(cause: AppError): AppError {
  return new AppError(
    { class: "preflight", code: "SANDBOX_MISSING" },
    `Cannot compile without a sandbox: there is no program "${SANDBOX_PROGRAM}", expected bubblewrap`,
    { cause, hint: "On Debian: apt-get install --no-install-recommends bubblewrap" },
  );
}

function sandboxRefused(cause: AppError): AppError {
  return new AppError(
    { class: "preflight", code: "SANDBOX_REFUSED" },
    `Cannot compile in a sandbox: this host lets nobody make one: ${messageOf(cause)}`,
    {
      cause,
      hint: "User namespaces must be allowed; within a container, run the build outside or with CAP_SYS_ADMIN",
    },
  );
}
