import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { extract } from "tar-stream";
import { afterAll, describe, expect, test } from "vitest";
import type { TarMember } from "../../../src/shared/tar/header.ts";
import { tarSize, writeTar, type TarSource } from "../../../src/shared/tar/write.ts";

const folder = await mkdtemp(join(tmpdir(), "cloister-tar-"));
afterAll(() => rm(folder, { recursive: true }));

const PLAIN: TarMember = {
  path: "usr/bin/true",
  kind: "file",
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtime: 1_700_000_000,
  sizeBytes: 0,
  linkTarget: "",
};

const file = (path: string, text: string, more: Partial<TarMember> = {}): TarSource => {
  const bytes = Buffer.from(text);
  return { ...PLAIN, path, sizeBytes: bytes.length, ...more, content: () => [bytes] };
};

const field = (text: string, length: number): Buffer => Buffer.concat([Buffer.from(text)], length);

async function bytesOf(members: readonly TarSource[]): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(writeTar(members)));
}

/** Every shape that a field can take: short, at its limit, beyond it. */
const MEMBERS: readonly TarSource[] = [
  { ...PLAIN, path: "usr", kind: "directory", mode: 0o755 },
  file("usr/plain", "content\n"),
  file(`usr/${"n".repeat(96)}`, "a name of 100 bytes"),
  file(`${"d".repeat(150)}/${"n".repeat(100)}`, "a prefix of 150 bytes and a name of 100"),
  file(`${"long/".repeat(60)}end`, "a path that needs PAX"),
  file("usr/grüße", "a name that is not ASCII"),
  file("usr/owner", "x", { uid: 3_000_000, gid: 4_000_000 }),
  { ...PLAIN, path: "usr/link", kind: "symlink", mode: 0o777, linkTarget: `../${"t".repeat(150)}` },
  { ...PLAIN, path: "usr/hard", kind: "hardlink", linkTarget: "usr/plain" },
  file("usr/setuid", "s", { mode: 0o4755 }),
  file("usr/exact", "b".repeat(512)),
];

describe("writeTar", () => {
  test("writes the bytes of POSIX ustar for a plain member, to the letter", async () => {
    const bytes = await bytesOf([file("a", "hi", { mode: 0o644, uid: 7, gid: 8, mtime: 1 })]);
    const header = Buffer.concat([
      field("a", 100),
      field("0000644\0", 8),
      field("0000007\0", 8),
      field("0000010\0", 8),
      field("00000000002\0", 12),
      field("00000000001\0", 12),
      field("        ", 8),
      field("0", 1),
      field("", 100),
      field("ustar\u000000", 8),
      field("", 247),
    ]);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    expect(bytes).toEqual(Buffer.concat([header, field("hi", 512), Buffer.alloc(1024)]));
  });

  test("is as long as tarSize says", async () => {
    expect((await bytesOf(MEMBERS)).length).toBe(tarSize(MEMBERS));
  });

  test("is read by tar-stream with every field as it was given, but for owners in PAX, which it does not read", async () => {
    const members = MEMBERS.filter(({ uid }) => uid < 2 ** 21);
    const seen: unknown[] = [];
    const reader = extract();
    reader.end(await bytesOf(members));
    for await (const entry of reader) {
      const { name, type, mode, uid, gid, linkname, mtime, uname, gname } = entry.header;
      const content = await text(entry);
      seen.push([name, type, mode, uid, gid, linkname ?? "", mtime?.getTime(), uname, gname, content]);
    }
    const kinds = { file: "file", directory: "directory", symlink: "symlink", hardlink: "link" };
    expect(seen).toEqual(
      members.map((member) => [
        member.kind === "directory" ? `${member.path}/` : member.path,
        kinds[member.kind],
        member.mode,
        member.uid,
        member.gid,
        member.linkTarget,
        member.mtime * 1000,
        "",
        "",
        Buffer.concat([...((member.content?.() as Iterable<Uint8Array> | undefined) ?? [])]).toString(),
      ]),
    );
  });

  test("is read by GNU tar without a word on standard error", async () => {
    const path = join(folder, "all.tar");
    await writeFile(path, await bytesOf(MEMBERS));
    const { stdout, stderr } = await promisify(execFile)("tar", ["--numeric-owner", "-tvf", path]);
    expect(stderr).toBe("");
    expect(stdout.trim().split("\n")).toHaveLength(MEMBERS.length);
    expect(stdout).toContain("3000000/4000000");
    expect(stdout).toContain("-rwsr-xr-x");
  });

  test.each([
    ["shorter", "12", 3],
    ["longer", "1234", 3],
  ])("throws where a content is %s than its header says", async (_, text, sizeBytes) => {
    const liar = { ...file("a", text), sizeBytes };
    await expect(bytesOf([liar])).rejects.toThrow("its header says 3");
  });
});
