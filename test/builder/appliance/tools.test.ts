import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { takeTools } from "../../../src/builder/appliance/tools.ts";
import type { Lock } from "../../../src/builder/lock/lock.ts";
import { digestOf } from "../../../src/shared/digest.ts";
import { parseRelativePath } from "../../../src/shared/relative-path.ts";
import type { StoredBlob } from "../../../src/shared/store/store.ts";
import { createTarIndexer } from "../../../src/shared/tar/index-tar.ts";
import { writeTar } from "../../../src/shared/tar/write.ts";
import { TOOLS } from "../evidence/small-locks.ts";
import { EPOCH } from "../small-image.ts";
import { temporaryStore } from "../temporary.ts";

async function tarOf(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const common = { kind: "file", mode: 0o755, uid: 0, gid: 0, mtime: EPOCH, linkTarget: "" } as const;
  const chunks: Uint8Array[] = [];
  const members = Object.entries(files).map(([path, text]) => ({
    ...common,
    path,
    sizeBytes: text.length,
    content: () => [Buffer.from(text)],
  }));
  for await (const chunk of writeTar(members)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function prepared(npm: (tar: Buffer) => Buffer) {
  const store = await temporaryStore();
  const dataTar = await tarOf({ "./usr/bin/other": "other", "./usr/bin/composer": "composer's bytes" });
  const deb = await store.add([dataTar]);
  const tgz = await store.add([
    npm(await tarOf({ "package/a": "x".repeat(3_000), "package/bin/node": "node!" })),
  ]);
  const [composer, ...others] = TOOLS.lock.packages;
  const [node] = TOOLS.lock.npm ?? [];
  if (composer === undefined || node === undefined) throw new Error("expected a package and an npm file");
  const lock: Lock = {
    ...TOOLS.lock,
    packages: [{ ...composer, sha256: deb.digest, sizeBytes: deb.sizeBytes }, ...others],
    npm: [
      { ...node, sha256: tgz.digest, sizeBytes: tgz.sizeBytes, path: parseRelativePath("node/-/node-1.tgz") },
    ],
  };
  return { store, lock, dataTar };
}

/** The .deb of these tests is its own data.tar. */
function unpackDeb(dataTar: Buffer) {
  return async (deb: StoredBlob) => {
    const indexer = createTarIndexer("data.tar");
    indexer.push(dataTar);
    return { dataTar: deb.digest, members: indexer.finish() };
  };
}

const recipe = (...tools: readonly { from: string; path: string; as: string }[]) => ({
  ...TOOLS.recipe,
  tools,
});
const COMPOSER = { from: "composer", path: "usr/bin/composer", as: "compose" };
const NODE = { from: "node", path: "package/bin/node", as: "node" };

const described = (members: Awaited<ReturnType<typeof takeTools>>) =>
  Object.fromEntries(members.map(({ path, digest, mode }) => [path, { digest, mode }]));

describe("takeTools", () => {
  test("takes single files out of a .deb and an npm package, as programs", async () => {
    const { store, lock, dataTar } = await prepared((tar) => gzipSync(tar));
    const members = await takeTools(
      { recipe: recipe(COMPOSER, NODE), lock },
      { store, unpackDeb: unpackDeb(dataTar) },
    );
    expect(described(members)).toEqual({
      "bin/compose": { digest: digestOf("composer's bytes"), mode: 0o755 },
      "bin/node": { digest: digestOf("node!"), mode: 0o755 },
    });
    for (const member of members) expect(await store.has(member.digest)).toBe(true);
  });

  test("takes them once", async () => {
    const { store, lock, dataTar } = await prepared((tar) => gzipSync(tar));
    const first = await takeTools(
      { recipe: recipe(COMPOSER), lock },
      { store, unpackDeb: unpackDeb(dataTar) },
    );
    const again = takeTools(
      { recipe: recipe(COMPOSER), lock },
      { store, unpackDeb: () => Promise.reject(new Error("unpacked again")) },
    );
    expect(await again).toEqual(first);
  });

  test.each([
    [{ ...COMPOSER, path: "usr/bin/composer2" }],
    [{ ...NODE, path: "package/bin" }],
    [{ ...NODE, from: "nothing" }],
  ])("refuses %j, which is not there", async (tool) => {
    const { store, lock, dataTar } = await prepared((tar) => gzipSync(tar));
    await expect(
      takeTools({ recipe: recipe(tool), lock }, { store, unpackDeb: unpackDeb(dataTar) }),
    ).rejects.toMatchObject({ code: "TOOL_MISSING", class: "usage", fields: { path: tool.path } });
  });

  test.each([
    ["cut short", (tar: Buffer) => gzipSync(tar).subarray(0, 60), "ARCHIVE_MALFORMED"],
    ["no gzip", (tar: Buffer) => tar, "ARCHIVE_MALFORMED"],
    ["a gzip of a cut tar", (tar: Buffer) => gzipSync(tar.subarray(0, 700)), "TAR_MALFORMED"],
  ])("refuses an npm package that is %s", async (_, npm, code) => {
    const { store, lock, dataTar } = await prepared(npm);
    await expect(
      takeTools({ recipe: recipe(NODE), lock }, { store, unpackDeb: unpackDeb(dataTar) }),
    ).rejects.toMatchObject({ code, class: "integrity" });
  });
});
