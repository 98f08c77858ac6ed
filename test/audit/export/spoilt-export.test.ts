/** Whatever of an export is changed, cut, doubled or put elsewhere is found: by every byte in this process, by samples with node alone. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CONTENT_FILE, LOG_KEY_FILE, RECORDS_FILE } from "../../../src/audit/export/layout.ts";
import { verifyExport } from "../../../src/audit/export/verify-export.ts";
import { isLedgerLine } from "../../../src/audit/line.ts";
import { parseVerifier, type Verifier } from "../../../src/audit/notes/keys.ts";
import { maintenanceOf } from "../maintain/people.ts";
import { bundledVerifier, checkAlone, filesOf, GARDEN, ILLNESS, sampleLog } from "./sample-export.ts";

let folder = "";
/** With text, and with tombstones and their order. */
const cases = { sealed: "", plain: "", purged: "" };
type Case = keyof typeof cases;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "spoilt-"));
  const verifier = await bundledVerifier(folder);
  const [plain, sealed] = [
    await sampleLog({ content: "plain", verifier, rounds: 1 }),
    await sampleLog({ content: "sealed", verifier, rounds: 1 }),
  ];
  cases.sealed = (await sealed.hand(ILLNESS, join(folder, "sealed"), ["--identity", sealed.identity])).out;
  cases.plain = (await plain.hand(ILLNESS, join(folder, "plain"))).out;
  const purge = { selector: { by: "conversation", conversation: GARDEN }, reason: "r", by: "dpo" } as const;
  await maintenanceOf(plain.log).purge(purge);
  cases.purged = (await plain.hand(GARDEN, join(folder, "purged"))).out;
  await plain.remove();
  await sealed.remove();
});

afterAll(async () => await rm(folder, { recursive: true }));

async function keyOf(out: string): Promise<Verifier> {
  return parseVerifier(await readFile(join(out, LOG_KEY_FILE), "utf8"));
}

/** Of what is checked; keys.jsonl vouches for itself, and a reader compares log-key with what was published. One proof is like another. */
async function checkedFiles(out: string): Promise<readonly (readonly [string, Buffer])[]> {
  const files = [...(await filesOf(out))];
  const proofs = files.filter(([name]) => name.endsWith(".proof"));
  return [...files.filter(([name]) => name === RECORDS_FILE || name === CONTENT_FILE), ...proofs.slice(-1)];
}

/** What of these changes the verifier did not see. */
async function unseen(
  out: string,
  name: string,
  changes: Iterable<readonly [what: string, bytes: Uint8Array]>,
): Promise<readonly string[]> {
  const [key, path] = [await keyOf(out), join(out, name)];
  const before = await readFile(path);
  const missed: string[] = [];
  for (const [what, bytes] of changes) {
    await writeFile(path, bytes);
    if (await holds(out, key)) missed.push(`${name}: ${what}`);
  }
  await writeFile(path, before);
  return missed;
}

async function holds(out: string, key: Verifier): Promise<boolean> {
  return (await verifyExport(out, key)).holds;
}

function* flipsOf(bytes: Buffer): Generator<readonly [string, Buffer]> {
  for (const [at, byte] of bytes.entries()) {
    const changed = Buffer.from(bytes);
    const bit = 1 << (at % 8);
    changed[at] = byte ^ bit;
    yield [`byte ${at}, bit ${bit}`, changed];
  }
}

/** White space and case are what forgiving parsers pass over: every byte of what is only parsed, a quarter of what is hashed. */
function* replacementsOf(name: string, bytes: Buffer): Generator<readonly [string, Buffer]> {
  for (const [at, byte] of bytes.entries()) {
    if (name !== CONTENT_FILE && at % 4 !== 0) continue;
    const isLetter = /[a-z]/i.test(String.fromCharCode(byte));
    const other = isLetter ? byte ^ 0x20 : byte === 0x20 ? 0x0d : 0x20;
    const changed = Buffer.from(bytes);
    changed[at] = other;
    yield [`byte ${at} is ${other}`, changed];
  }
}

describe.each(["plain", "sealed", "purged"] satisfies Case[])("in an export of the %s log", (which) => {
  test("every byte that is flipped is found", async () => {
    const out = cases[which];
    expect((await verifyExport(out, await keyOf(out))).holds).toBe(true);
    const missed: string[] = [];
    for (const [name, bytes] of await checkedFiles(out))
      missed.push(...(await unseen(out, name, flipsOf(bytes))));
    expect(missed).toEqual([]);
    expect((await verifyExport(out, await keyOf(out))).holds).toBe(true);
  });

  test("letters of another case, and white space in the place of anything else, are found", async () => {
    const out = cases[which];
    const missed: string[] = [];
    for (const [name, bytes] of await checkedFiles(out))
      missed.push(...(await unseen(out, name, replacementsOf(name, bytes))));
    expect(missed).toEqual([]);
  });

  test("a line that is gone, doubled or swapped, and a file that ends early, is found", async () => {
    const out = cases[which];
    const missed: string[] = [];
    for (const [name, bytes] of await checkedFiles(out)) {
      const lines = linesOf(bytes);
      const isList = name.endsWith(".jsonl");
      const edits = lines.flatMap((line, at): (readonly [string, readonly Buffer[]])[] => [
        // A note may have any number of signatures, and the same one twice.
        ...(line.includes("\u2014") ? [] : [[`line ${at} doubled`, lines.toSpliced(at, 0, line)] as const]),
        [`line ${at} swapped with the next`, lines.toSpliced(at, 2, ...lines.slice(at, at + 2).toReversed())],
        [`line ${at} cut in the middle`, [...lines.slice(0, at), line.subarray(0, line.length >> 1)]],
        [`line ${at} followed by an empty one`, lines.toSpliced(at + 1, 0, Buffer.from("\n"))],
        // Who does not hand over a text, or a record with its line, says nothing untrue.
        ...(isList ? [] : [[`line ${at} gone`, lines.toSpliced(at, 1)] as const]),
      ]);
      const changes = edits.map(([what, edited]) => [what, Buffer.concat(edited)] as const);
      missed.push(
        ...(await unseen(
          out,
          name,
          changes.filter(([, changed]) => !changed.equals(bytes)),
        )),
      );
    }
    expect(missed).toEqual([]);
  });

  test("a line of records.jsonl that is gone leaves another without its own", async () => {
    const out = cases[which];
    const lines = linesOf(await readFile(join(out, RECORDS_FILE)));
    const changes = lines.flatMap((line, at) => {
      const before = lines[at - 1];
      const hasPartner = isLedgerLine(line) ? !isLedgerLine(lines[at + 1] ?? line) : before !== undefined;
      return hasPartner ? [[`line ${at} gone`, Buffer.concat(lines.toSpliced(at, 1))] as const] : [];
    });
    expect(changes.length).toBe(4);
    expect(await unseen(out, RECORDS_FILE, changes)).toEqual([]);
  });

  test("node alone says so of a flip in every line of every file, and ends with 3", async () => {
    const out = join(folder, `${which}-alone`);
    await cp(cases[which], out, { recursive: true });
    for (const [name, bytes] of await checkedFiles(out)) {
      let start = 0;
      for (const line of name.startsWith("proofs/") ? linesOf(bytes).slice(0, 3) : linesOf(bytes)) {
        const changed = Buffer.from(bytes);
        const at = start + (line.length >> 1);
        changed[at] = (changed[at] ?? 0) ^ 1;
        await writeFile(join(out, name), changed);
        const { exitCode, stdout } = await checkAlone(out);
        expect({ name, start, exitCode, said: stdout.slice(0, 12) }).toEqual({
          name,
          start,
          exitCode: 3,
          said: "NOT PROVEN: ",
        });
        start += line.length;
      }
      await writeFile(join(out, name), bytes);
    }
    expect((await checkAlone(out)).exitCode).toBe(0);
  });
});

test("bytes that are no UTF-8 do not pass for the sign that a decoder puts in their place", async () => {
  const verifier = await bundledVerifier(folder);
  const log = await sampleLog({ content: "plain", verifier, reply: "a sign \uFFFD that stands there" });
  const { out } = await log.hand(ILLNESS, join(folder, "sign"));
  const sign = Buffer.from("\uFFFD");
  for (const name of [RECORDS_FILE, CONTENT_FILE]) {
    const bytes = await readFile(join(out, name));
    const at = bytes.indexOf(sign);
    expect(at).toBeGreaterThan(0);
    const changed = Buffer.concat([
      bytes.subarray(0, at),
      Buffer.from([0xff]),
      bytes.subarray(at + sign.length),
    ]);
    expect(await unseen(out, name, [["a broken byte", changed]])).toEqual([]);
  }
  await log.remove();
});

describe("node alone", () => {
  test.each(["", "nonsense", "name+00000000+AAAA"])(
    "does not take %j for a key, and ends with 2",
    async (key) => {
      expect(await checkAlone(cases.plain, { key })).toMatchObject({ exitCode: 2, stdout: "" });
    },
  );

  test("takes no flip in log-key for a key that proves anything", async () => {
    const vkey = await readFile(join(cases.plain, LOG_KEY_FILE));
    for (const [, changed] of [...flipsOf(vkey.subarray(0, -1))].filter((_, at) => at % 7 === 0)) {
      if (changed.includes(0)) continue;
      const { exitCode, stdout } = await checkAlone(cases.plain, { key: changed.toString("utf8") });
      expect([2, 3]).toContain(exitCode);
      expect(stdout.startsWith("PROVEN")).toBe(false);
    }
  });

  test("ends with 2 where there is no export", async () => {
    const key = (await readFile(join(cases.plain, LOG_KEY_FILE), "utf8")).trim();
    const out = join(folder, "empty");
    await cp(join(cases.plain, "log-verify.mjs"), join(out, "log-verify.mjs"), { recursive: true });
    const { exitCode, stderr } = await checkAlone(out, { key });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/neither an audit log .*nor an export of one/);
    const parsed = parseVerifier(key);
    await expect(verifyExport(out, parsed)).rejects.toMatchObject({ code: "EXPORT_UNKNOWN", exitCode: 2 });
  });

  test.each(["--anchor", "--witness-key", "--witness-head"])(
    "passes over no %s that it cannot hold an export against, and ends with 2",
    async (option) => {
      const words = [option, "something that is there or not"];
      const { exitCode, stdout, stderr } = await checkAlone(cases.plain, { words });
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
      expect(stderr).toMatch(/^Cannot use /);
    },
  );

  test("says in JSON what it says in words", async () => {
    const { stdout } = await checkAlone(cases.purged, { words: ["--json"] });
    expect(JSON.parse(stdout)).toEqual({ holds: true, records: 3, texts: 0, removed: 2, faults: [] });
  });
});

/** Each with its newline. */
function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0x0a, start) + 1 || bytes.length;
    lines.push(bytes.subarray(start, end));
    start = end;
  }
  return lines;
}
