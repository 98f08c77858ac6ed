/**
 * What an export is: a folder that somebody is handed who has neither cloister nor the rest of the log.
 *
 *   records.jsonl         the ledger lines that are shown, each with its payload line, byte for byte; where text was removed, the
 *                         records that ordered it as well
 *   proofs/<seq>.proof    C2SP tlog-proof of each: that it is in the tree of the checkpoint
 *   log-key               the verifier key that signed the checkpoint, as the log has it: to be compared with what was published
 *   content.jsonl         the text of each record with its salt, where the exporter could read it
 *   keys.jsonl            the wrapped content keys of these records, for whoever has the age identity
 *   log-verify.mjs        checks all of this with Node.js alone
 *   README.txt            what to do with it, by hand as well
 */
import { isUtf8 } from "node:buffer";

export const RECORDS_FILE = "records.jsonl";
export const PROOFS_FOLDER = "proofs";
export const LOG_KEY_FILE = "log-key";
export const CONTENT_FILE = "content.jsonl";
export const KEYS_FILE = "keys.jsonl";
export const VERIFIER_FILE = "log-verify.mjs";
export const README_FILE = "README.txt";

export function proofFile(seq: number): string {
  return `${PROOFS_FOLDER}/${seq}.proof`;
}

/**
 * One line of content.jsonl, without newline: the text where it is UTF-8, base64 otherwise, and the salt in hex. There is one way to
 * write it, so that no byte of it can be changed unseen.
 */
export function encodeContentLine(
  seq: number,
  { salt, bytes }: { readonly salt: Uint8Array; readonly bytes: Uint8Array },
): Buffer {
  const content = Buffer.from(bytes);
  const shown = isUtf8(content) ? { text: content.toString("utf8") } : { base64: content.toString("base64") };
  return Buffer.from(JSON.stringify({ seq, salt: Buffer.from(salt).toString("hex"), ...shown }));
}
