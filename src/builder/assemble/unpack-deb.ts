import { hexOf, type Digest } from "../../shared/digest.ts";
import { AppError } from "../../shared/errors.ts";
import type { Store, StoredBlob } from "../../shared/store/store.ts";
import { createTarIndexer } from "../../shared/tar/index-tar.ts";
import { FORMAT } from "../format.ts";
import type { Stanza } from "../lock/debian/control.ts";
import { collect } from "./collect.ts";
import { readAr, type ArMember } from "./deb/ar.ts";
import { readControlTar } from "./deb/control-tar.ts";
import { decompress } from "./deb/decompress.ts";
import { malformedDeb } from "./deb/malformed.ts";
import { checkMembers, type DebMember } from "./deb/members.ts";
import { parseUnpacking, type Unpacking } from "./deb/unpacking.ts";

/** A .deb taken apart, nothing of it on disk but two tars in the store: a member's content is a range of `dataTar`. */
export type UnpackedDeb = {
  readonly dataTar: Digest;
  readonly members: readonly DebMember[];
  readonly control: Stanza;
  /** The members of control.tar by name. */
  readonly controlFiles: ReadonlyMap<string, Uint8Array>;
};

const DERIVED_KIND = "deb";
const MAX_CONTROL_BYTES = 64 << 20;
const MAX_DATA_BYTES = 16 * 2 ** 30;

/**
 * Decompresses once; later calls read what the store remembers. Errors call the package by `name`, else by its digest. Throws
 * AppError DEB_MISSING (unavailable), DEB_MALFORMED, DEB_TOO_LARGE, TAR_MALFORMED, CONTROL_MALFORMED, STORE_DAMAGED and what
 * `checkMembers` throws (integrity), XZ_MISSING and DISK_FULL (preflight).
 */
export async function unpackDeb(
  deb: StoredBlob & { readonly name?: string },
  { store }: { readonly store: Store },
): Promise<UnpackedDeb> {
  const name = deb.name ?? `${hexOf(deb.digest).slice(0, 12)}.deb`;
  const unpacking = (await recall(deb, store)) ?? (await unpackAnew(deb, name, store));
  const controlTar = await collect(store.read(unpacking.controlTar.digest));
  const { control, files } = readControlTar(controlTar, name);
  return {
    dataTar: unpacking.dataTar.digest,
    members: unpacking.members,
    control,
    controlFiles: files,
  };
}

async function recall(deb: StoredBlob, store: Store): Promise<Unpacking | undefined> {
  const known = parseUnpacking(await store.recall(DERIVED_KIND, deb.digest));
  if (known === undefined) return undefined;
  const isWhole = (await store.has(known.dataTar.digest)) && (await store.has(known.controlTar.digest));
  return isWhole ? known : undefined;
}

async function unpackAnew(deb: StoredBlob, name: string, store: Store): Promise<Unpacking> {
  if (!(await store.has(deb.digest))) throw missing(deb);
  const [version, control, data] = ["debian-binary", "control.tar", "data.tar"] as const;
  const expected = [version, control, data];
  let controlTar: StoredBlob | undefined;
  let unpackedData: Pick<Unpacking, "dataTar" | "members"> | undefined;
  for await (const member of readAr(store.read(deb.digest), name)) {
    const wanted = expected.shift();
    const isWanted =
      wanted === version ? member.name === wanted : wanted !== undefined && member.name.startsWith(wanted);
    if (!isWanted) throw malformedDeb(name, `it has "${member.name}" where ${wanted ?? "its end"} belongs`);
    if (wanted === version) await checkVersion(member, name);
    if (wanted === control)
      controlTar = await store.add(decompress(member, { name, limitBytes: MAX_CONTROL_BYTES }));
    if (wanted === data) unpackedData = await unpackData(member, name, store);
  }
  if (controlTar === undefined || unpackedData === undefined)
    throw malformedDeb(name, `it ends before ${expected.join(" and ")}`);
  const unpacking: Unpacking = { format: FORMAT, controlTar, ...unpackedData };
  readControlTar(await collect(store.read(controlTar.digest)), name);
  await store.remember(DERIVED_KIND, deb.digest, unpacking);
  return unpacking;
}

async function unpackData(
  member: ArMember,
  name: string,
  store: Store,
): Promise<Pick<Unpacking, "dataTar" | "members">> {
  const indexer = createTarIndexer(name);
  let members: readonly DebMember[] = [];
  // Judged before the last byte is written, so that the store keeps nothing of a tar that is refused.
  const judged = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of decompress(member, { name, limitBytes: MAX_DATA_BYTES })) {
      indexer.push(chunk);
      yield chunk;
    }
    members = checkMembers(indexer.finish(), name);
  };
  const dataTar = await store.add(judged());
  return { dataTar, members };
}

async function checkVersion(member: ArMember, name: string): Promise<void> {
  const text = member.sizeBytes > 16 ? "" : Buffer.from(await collect(member.content)).toString("latin1");
  if (text !== "2.0\n") throw malformedDeb(name, `its format is ${JSON.stringify(text)}, expected "2.0"`);
}

function missing(deb: StoredBlob): AppError {
  return new AppError(
    { class: "unavailable", code: "DEB_MISSING" },
    `Cannot unpack the package ${deb.digest}: it is not in the store`,
    { hint: "Run cloister fetch", fields: { expected: deb.digest } },
  );
}
