import { mkdir, readdir, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import {
  currentRelease,
  listReleases,
  readRelease,
  releaseFolder,
  releaseId,
  stateRoot,
  switchTo,
  withState,
} from "../../src/appliance/state.ts";
import { digestOf } from "../../src/shared/digest.ts";
import { ownerOf, ownOwner } from "../../src/shared/store/owner.ts";
import { temporaryFolder } from "../builder/temporary.ts";

const manifestDigest = digestOf("manifest");
let root: string;
beforeEach(async () => {
  root = await temporaryFolder();
});

async function register(id: string, text = JSON.stringify({ format: 1, id, manifestDigest })): Promise<void> {
  await mkdir(releaseFolder(root, id), { recursive: true });
  await writeFile(join(releaseFolder(root, id), "release.json"), text);
}

test("stateRoot is --state, else CLOISTER_STATE, else /var/lib/cloister", () => {
  expect(stateRoot("/a", { CLOISTER_STATE: "/b" })).toBe("/a");
  expect(stateRoot(undefined, { CLOISTER_STATE: "/b" })).toBe("/b");
  expect(stateRoot(undefined, {})).toBe("/var/lib/cloister");
});

test("releaseId differs where a byte of the appliance differs", () => {
  expect(releaseId({ version: "0.1.0" }, manifestDigest)).toBe(`0.1.0-${manifestDigest.slice(7, 19)}`);
  expect(releaseId({ version: "0.1.0" }, digestOf("other"))).not.toBe(
    releaseId({ version: "0.1.0" }, manifestDigest),
  );
});

test("a release that was never finished, is malformed or names another is not there", async () => {
  await mkdir(releaseFolder(root, "half"), { recursive: true });
  await register("broken", '{"format": 1');
  await register("renamed", JSON.stringify({ format: 1, id: "other", manifestDigest }));
  await register("newer", JSON.stringify({ format: 2, id: "newer", manifestDigest }));
  await register("whole");
  for (const id of ["half", "broken", "renamed", "newer", "absent"])
    expect(await readRelease(root, id)).toBeUndefined();
  expect((await listReleases(root)).map(({ id }) => id)).toEqual(["whole"]);
});

test("switchTo points `current` at a release, again and again", async () => {
  await expect(currentRelease(root)).rejects.toMatchObject({ code: "NO_RELEASE", exitCode: 5 });
  for (const id of ["one", "two"]) {
    await register(id);
    await switchTo(root, id);
    expect((await currentRelease(root)).id).toBe(id);
  }
  expect(await readlink(join(root, "current"))).toBe("releases/two");
});

test("currentRelease takes nothing for current whose release is gone", async () => {
  await switchTo(root, "gone");
  await expect(currentRelease(root)).rejects.toMatchObject({ code: "NO_RELEASE" });
});

test("withState lets one in and refuses the second while the first is at it", async () => {
  await withState(root, async () => {
    expect(await readdir(root)).toEqual([`busy.${await ownOwner()}`]);
    await expect(withState(root, () => Promise.resolve())).rejects.toMatchObject({
      code: "STATE_BUSY",
      exitCode: 5,
    });
    expect(await readdir(root)).toEqual([`busy.${await ownOwner()}`]);
  });
  expect(await readdir(root)).toEqual([]);
});

test("withState is kept out by another process that lives, and names it", async () => {
  const other = (await ownerOf(process.ppid)) ?? "";
  await writeFile(join(root, `busy.${other}`), "");
  const entering = withState(root, () => Promise.resolve());
  await expect(entering).rejects.toMatchObject({ code: "STATE_BUSY" });
  await expect(entering).rejects.toThrow(`process ${process.ppid} is at it`);
  expect(await readdir(root)).toEqual([`busy.${other}`]);
});

test("withState does not mind what dead processes left, and clears it away", async () => {
  for (const dead of ["999999999-1", `${process.pid}-1`, "nonsense", ""])
    await writeFile(join(root, `busy.${dead}`), "");
  const names = await withState(root, () => readdir(root));
  expect(names).toEqual([`busy.${await ownOwner()}`]);
});

test("withState lets go where its work fails", async () => {
  await expect(withState(root, () => Promise.reject(new Error("failed")))).rejects.toThrow("failed");
  await expect(withState(root, () => Promise.resolve("in"))).resolves.toBe("in");
});
