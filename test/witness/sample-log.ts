/** A log of as many leaves as a test wants, and what it sends to a witness. */
import { formatAddCheckpoint } from "../../src/audit/notes/add-checkpoint.ts";
import { formatCheckpoint } from "../../src/audit/notes/checkpoint.ts";
import type { Signer } from "../../src/audit/notes/keys.ts";
import { signatureLine, signNote } from "../../src/audit/notes/signed-note.ts";
import { logSigner, ORIGIN } from "../audit/notes/sample-keys.ts";
import { treeOf } from "../audit/tree/small-tree.ts";

export type Sent = {
  readonly size: number;
  /** Size that the witness has seen, and that the proof begins at. */
  readonly from?: number;
  /** Other leaves make another log. */
  readonly leaves?: string;
  readonly origin?: string;
  readonly signers?: readonly Signer[];
};

export async function addCheckpoint(sent: Sent): Promise<string> {
  const { from = 0 } = sent;
  const { proof } = await treeOf(sent.size, { from, text: sent.leaves ?? "leaf" });
  return formatAddCheckpoint({ old: from, proof, note: await signedCheckpoint(sent) });
}

export async function signedCheckpoint({
  size,
  leaves = "leaf",
  origin = ORIGIN,
  signers,
}: Sent): Promise<string> {
  const { root } = await treeOf(size, { text: leaves });
  const text = formatCheckpoint({ origin, size, root });
  const [first = logSigner(), ...others] = signers ?? [];
  const more = others.map((signer) => signatureLine(signer, signer.sign(Buffer.from(text))));
  return `${signNote(text, first)}${more.join("")}`;
}
