import { createReadStream } from "node:fs";
import { createHasher } from "../../shared/digest.ts";
import { AppError } from "../../shared/errors.ts";
import type { RelativePath } from "../../shared/relative-path.ts";
import type { Store } from "../../shared/store/store.ts";
import { createRangeReader, type RangeReader } from "../../shared/tar/ranges.ts";
import { tarSize, writeTar, type TarSource } from "../../shared/tar/write.ts";
import { DIRECTORY_MODE } from "../format.ts";
import type { ApplianceMember } from "./member.ts";
import type { AppliancePlan } from "./plan.ts";

const READ_CHUNK_BYTES = 1 << 20;

/**
 * The bytes of an appliance. Every member is hashed as it goes past: throws MEMBER_CHANGED (integrity) where one is no longer
 * what SHA256SUMS says.
 */
export async function* applianceTar(
  plan: AppliancePlan,
  { store }: { readonly store: Store },
): AsyncGenerator<Uint8Array> {
  const ranges = createRangeReader();
  try {
    yield* writeTar(tarMembers(plan, (member) => verified(member, openSource(member, { store, ranges }))));
  } finally {
    await ranges.close();
  }
}

export function applianceTarSize(plan: AppliancePlan): number {
  return tarSize(tarMembers(plan, () => []));
}

/** Each folder stands before the first file in it. */
function* tarMembers(
  plan: AppliancePlan,
  open: (member: ApplianceMember) => AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Generator<TarSource> {
  const common = { uid: 0, gid: 0, mtime: plan.epoch, linkTarget: "" };
  const folders = new Set<string>();
  for (const member of plan.members) {
    for (const path of parents(member.path)) {
      if (folders.has(path)) continue;
      folders.add(path);
      yield { ...common, path, kind: "directory", mode: DIRECTORY_MODE, sizeBytes: 0 };
    }
    const { path, mode, sizeBytes } = member;
    yield { ...common, path, kind: "file", mode, sizeBytes, content: () => open(member) };
  }
}

function parents(path: RelativePath): readonly string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

function openSource(
  member: ApplianceMember,
  deps: { store: Store; ranges: RangeReader },
): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
  const { source } = member;
  switch (source.kind) {
    case "bytes":
      return [source.bytes];
    case "content":
      return deps.ranges.read(deps.store.pathOf(source.content.blob), source.content);
    case "host file":
      return createReadStream(source.path, { highWaterMark: READ_CHUNK_BYTES });
  }
}

async function* verified(
  member: ApplianceMember,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const hasher = createHasher();
  let left = member.sizeBytes;
  for await (const chunk of chunks) {
    hasher.update(chunk);
    left -= chunk.length;
    if (left < 0) break;
    yield chunk;
  }
  const received = hasher.finish();
  if (left === 0 && received.digest === member.digest) return;
  throw new AppError(
    { class: "integrity", code: "MEMBER_CHANGED" },
    `Cannot pack "${member.path}": its bytes have ${received.digest}, expected ${member.digest}`,
    {
      fields: { path: member.path, expected: member.digest, received: received.digest },
      hint: "Something wrote to it while the appliance was built; run the command again",
    },
  );
}
