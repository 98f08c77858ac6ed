import { createHmac } from "node:crypto";

const BYTES = 16;

/** Stands for a person or a conversation in the ledger. Without the pepper nobody can tell whose it is, nor test a guess. */
export function pseudonym(pepper: Uint8Array, kind: "user" | "conversation", id: string): string {
  return createHmac("sha256", pepper).update(`${kind}\0${id}`).digest().subarray(0, BYTES).toString("hex");
}
