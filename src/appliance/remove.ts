/** Takes cloister off this host, and looks afterwards whether it is gone. */
import { readdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import type { Engine } from "../shared/engine/engine.ts";
import { AppError, isErrno } from "../shared/errors.ts";
import { compareCodeUnits } from "../shared/order.ts";
import { projectOf, takeDownProject, type TakenDown } from "./down.ts";
import { listReleases, withState } from "./state.ts";

/** Images are named for localhost and us: nobody else's start like this. */
const REFERENCE_PREFIX = "localhost/cloister/";
/** What `load` and `up` make in the state folder, and what they leave there where they are killed. Anything else is somebody's own. */
const STATE_PARTS = /^(?:releases|run|current(?:\..+)?)$/;
/** What is not gone because the appliance is: the log, its keys, and the keys of clients. */
const LASTING_PARTS = /^(?:audit|clients)$/;

export type Removed = TakenDown & {
  readonly images: readonly string[];
  readonly releases: readonly string[];
  readonly stateRoot: string;
  /** What was kept, because nobody said that the audit log may go. */
  readonly kept: readonly string[];
};

type RemoveInput = {
  readonly stateRoot: string;
  /** Whether the audit log goes as well, with its keys and its clients'. */
  readonly auditLog: "keep" | "remove";
  readonly signal: AbortSignal;
};

/** Throws AppError NOT_GONE (half-done) naming what is still there. */
export async function remove(input: RemoveInput, engine: Engine): Promise<Removed> {
  const { stateRoot, auditLog, signal } = input;
  const isKept = (name: string): boolean => auditLog === "keep" && LASTING_PARTS.test(name);
  const reasons = new Map<string, string>();
  const removed = await withState(stateRoot, async () => {
    const releases = (await listReleases(stateRoot)).map(({ id }) => id);
    const taken = await takeDownProject(engine, signal);
    const images = await engine.imagesNamed(REFERENCE_PREFIX);
    for (const reference of images) {
      const reason = await reasonToKeep(engine, reference);
      if (reason !== undefined) reasons.set(reference, reason);
    }
    const content = await contentOf(stateRoot);
    const parts = content.filter(
      (name) => STATE_PARTS.test(name) || (LASTING_PARTS.test(name) && !isKept(name)),
    );
    for (const part of parts) await rm(join(stateRoot, part), { recursive: true, force: true });
    const kept = content.filter(isKept).map((name) => join(stateRoot, name));
    return { ...taken, images, releases, stateRoot, kept };
  });
  await removeEmpty(stateRoot);
  const left = [
    ...Object.values(await projectOf(engine)).flat(),
    ...(await engine.imagesNamed(REFERENCE_PREFIX)),
  ];
  const others = (await contentOf(stateRoot)).filter((name) => !isKept(name));
  left.push(...others.map((name) => join(stateRoot, name)));
  if (left.length === 0) return removed;
  throw new AppError(
    { class: "half-done", code: "NOT_GONE" },
    `Cannot remove everything: ${left.map(sayWhy).join(", ")} ${left.length === 1 ? "is" : "are"} still there`,
    { hint: "Remove what uses it, and run `cloister remove` again", fields: { left } },
  );

  function sayWhy(name: string): string {
    const reason = reasons.get(name);
    return reason === undefined ? name : `${name} (${reason})`;
  }
}

/** An engine does not let go of an image that some container is made of: that is no reason to leave the rest. */
async function reasonToKeep(engine: Engine, reference: string): Promise<string | undefined> {
  try {
    await engine.removeImage(reference);
    return undefined;
  } catch (error) {
    if (error instanceof AppError && error.code === "ENGINE_REFUSED") return String(error.fields["reason"]);
    throw error;
  }
}

/** Sorted; nothing where there is no such folder. */
async function contentOf(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort(compareCodeUnits);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

/** A file system of its own stays mounted, and empty. */
async function removeEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    if (!["ENOENT", "ENOTEMPTY", "EBUSY"].some((code) => isErrno(error, code))) throw error;
  }
}
