/** A wheel taken apart and held against its own RECORD; its files lie one after the other in one blob of the store. */
import { createHasher, type Digest } from "../../shared/digest.ts";
import { AppError } from "../../shared/errors.ts";
import { compareCodeUnits } from "../../shared/order.ts";
import { parseRelativePath, type RelativePath } from "../../shared/relative-path.ts";
import type { Store } from "../../shared/store/store.ts";
import { FORMAT } from "../format.ts";
import type { LockedWheel } from "../lock/lock.ts";
import { malformedWheel } from "./malformed.ts";
import { withZip, type ZipMember } from "./read-zip.ts";
import { createRecordHash, parseRecord, type RecordLine } from "./record.ts";
import { asUnpacked, type UnpackedWheel, type WheelFile } from "./unpacked.ts";

const DERIVED_KIND = "wheel";
const MAX_BYTES = 4 * 2 ** 30;
const MAX_RECORD_BYTES = 64 << 20;

/**
 * Decompresses once; later calls read what the store remembers. Throws AppError WHEEL_MISSING (unavailable), WHEEL_MALFORMED,
 * PATH_UNSAFE, STORE_DAMAGED (integrity), DISK_FULL (preflight).
 */
export async function unpackWheel(
  wheel: LockedWheel,
  { store }: { readonly store: Store },
): Promise<UnpackedWheel> {
  const known = await asUnpacked(await store.recall(DERIVED_KIND, wheel.sha256), store);
  if (known !== undefined) return known;
  const name = wheel.path.split("/").at(-1) ?? wheel.path;
  if (!(await store.has(wheel.sha256))) throw missing(wheel, name);
  await store.verify(wheel.sha256);
  const unpacked = await withZip(store.pathOf(wheel.sha256), name, (members) =>
    unpackMembers(members, name, store),
  );
  await store.remember(DERIVED_KIND, wheel.sha256, unpacked);
  return unpacked;
}

async function unpackMembers(
  members: ReadonlyMap<string, ZipMember>,
  name: string,
  store: Store,
): Promise<UnpackedWheel> {
  const info = infoFolder(members, name);
  const recordPath = `${info}/RECORD`;
  const record = await readRecord(members.get(recordPath), name);
  const unlisted = new Set([recordPath, `${recordPath}.jws`, `${recordPath}.p7s`]);
  refuseDifference(members, { record, unlisted }, name);
  const sorted = [...members.values()]
    .filter(({ path }) => !unlisted.has(path))
    .sort((a, b) => compareCodeUnits(a.path, b.path));
  const totalBytes = sorted.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
  if (totalBytes > MAX_BYTES)
    throw malformedWheel(name, `it unpacks to ${totalBytes} bytes, expected at most ${MAX_BYTES}`);

  const digests: Digest[] = [];
  const judged = async function* (): AsyncGenerator<Uint8Array> {
    for (const member of sorted) digests.push(yield* checked(member, record.get(member.path), name));
  };
  const { digest: blob } = await store.add(judged());
  let offset = 0;
  const files = sorted.map(({ path, program, sizeBytes }, index): WheelFile => {
    const sha256 = digests[index];
    if (sha256 === undefined) throw new Error(`"${path}" was not read`);
    const content = { blob, offset, sizeBytes };
    offset += sizeBytes;
    return { path, program, sha256, content };
  });
  return { format: FORMAT, info, files };
}

/** The one folder that is named so; what it must be called is known from the lock. */
function infoFolder(members: ReadonlyMap<string, ZipMember>, name: string): RelativePath {
  const found = [...members.values()].flatMap(
    ({ path }) => /^([^/]+\.dist-info)\/RECORD$/.exec(path)?.[1] ?? [],
  );
  const [info] = found;
  if (info === undefined || found.length > 1)
    throw malformedWheel(name, `it has ${found.length} RECORDs at its top, expected one`);
  return parseRelativePath(info);
}

async function readRecord(
  member: ZipMember | undefined,
  name: string,
): Promise<ReadonlyMap<string, RecordLine>> {
  if (member === undefined || member.sizeBytes > MAX_RECORD_BYTES)
    throw malformedWheel(name, "its RECORD is too large");
  const chunks: Uint8Array[] = [];
  for await (const chunk of member.read()) chunks.push(chunk);
  return parseRecord(Buffer.concat(chunks).toString("utf8"), name);
}

function refuseDifference(
  members: ReadonlyMap<string, ZipMember>,
  {
    record,
    unlisted,
  }: { readonly record: ReadonlyMap<string, RecordLine>; readonly unlisted: ReadonlySet<string> },
  name: string,
): void {
  const differences = [
    ...[...record.keys()].filter((path) => !members.has(path)).map((path) => `it lacks "${path}"`),
    ...[...members.keys()]
      .filter((path) => !record.has(path) && !unlisted.has(path))
      .map((path) => `RECORD lacks "${path}"`),
    ...[...record.values()]
      .filter(({ path, hash }) => hash === undefined && !unlisted.has(path))
      .map(({ path }) => `RECORD has no digest of "${path}"`),
  ];
  if (differences.length > 0)
    throw malformedWheel(
      name,
      `its files are not those of its RECORD: ${differences.slice(0, 8).join("; ")}`,
    );
}

async function* checked(
  member: ZipMember,
  line: RecordLine | undefined,
  name: string,
): AsyncGenerator<Uint8Array, Digest> {
  const { path } = member;
  if (line?.hash === undefined) throw new Error(`"${path}" has no line with a digest`);
  const hash = createRecordHash(line.hash);
  const hasher = createHasher();
  for await (const chunk of member.read()) {
    hash.update(chunk);
    hasher.update(chunk);
    yield chunk;
  }
  const { digest, sizeBytes } = hasher.finish();
  if (sizeBytes !== (line.sizeBytes ?? sizeBytes) || sizeBytes !== member.sizeBytes)
    throw malformedWheel(
      name,
      `"${path}" has ${sizeBytes} bytes, its RECORD says ${line.sizeBytes ?? "nothing"}`,
    );
  const received = hash.finish();
  if (received !== line.hash.value)
    throw malformedWheel(
      name,
      `the ${line.hash.algorithm} of "${path}" is ${received}, its RECORD says ${line.hash.value}`,
    );
  return digest;
}

function missing(wheel: LockedWheel, name: string): AppError {
  return new AppError(
    { class: "unavailable", code: "WHEEL_MISSING" },
    `Cannot install "${name}": it is not in the store`,
    { hint: "Run cloister fetch", fields: { expected: wheel.sha256 } },
  );
}
