/** RFC 6962, section 2.1, word for word: slow, and with nothing of ours but SHA-256. */
import { createHash } from "node:crypto";

export function naiveRoot(leaves: readonly Uint8Array[]): Buffer {
  const [only] = leaves;
  if (only === undefined) return sha256();
  if (leaves.length === 1) return sha256(Buffer.from([0]), only);
  const k = split(leaves.length);
  return sha256(Buffer.from([1]), naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)));
}

/** PATH(m, D[n]). */
export function naiveInclusion(m: number, leaves: readonly Uint8Array[]): readonly Buffer[] {
  if (leaves.length === 1) return [];
  const k = split(leaves.length);
  return m < k
    ? [...naiveInclusion(m, leaves.slice(0, k)), naiveRoot(leaves.slice(k))]
    : [...naiveInclusion(m - k, leaves.slice(k)), naiveRoot(leaves.slice(0, k))];
}

/** PROOF(m, D[n]). */
export function naiveConsistency(m: number, leaves: readonly Uint8Array[]): readonly Buffer[] {
  return subProof(m, leaves, "whole");
}

/** `whole` is the specification's b: the subtree is one that the older tree had whole. */
function subProof(m: number, leaves: readonly Uint8Array[], b: "whole" | "part"): readonly Buffer[] {
  if (m === leaves.length) return b === "whole" ? [] : [naiveRoot(leaves)];
  const k = split(leaves.length);
  return m <= k
    ? [...subProof(m, leaves.slice(0, k), b), naiveRoot(leaves.slice(k))]
    : [...subProof(m - k, leaves.slice(k), "part"), naiveRoot(leaves.slice(0, k))];
}

/** The largest power of two smaller than n. */
function split(n: number): number {
  return 2 ** (Math.ceil(Math.log2(n)) - 1);
}

function sha256(...parts: readonly Uint8Array[]): Buffer {
  return createHash("sha256").update(Buffer.concat(parts)).digest();
}
