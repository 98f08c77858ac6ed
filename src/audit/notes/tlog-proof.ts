/** C2SP tlog-proof, version 1: that a leaf is in the tree of a signed checkpoint, in one text file that is checked offline. */
import { AppError } from "../../shared/errors.ts";
import { parseBase64, parseHash, toBase64 } from "./base64.ts";

export type TlogProof = {
  /** Of the leaf. */
  readonly index: number;
  /** From the leaf's sibling to the root's child. */
  readonly hashes: readonly Uint8Array[];
  /** The signed note, as the log and its witnesses wrote it. */
  readonly checkpoint: string;
  /** Whatever somebody wrote beside it: nothing vouches for it. */
  readonly extra?: Uint8Array;
};

const FIRST_LINE = "c2sp.org/tlog-proof@v1";
/** A tree of 2^63 leaves has no longer one. */
const MAX_HASHES = 63;

export function formatTlogProof({ index, hashes, checkpoint, extra }: TlogProof): string {
  const lines = [
    FIRST_LINE,
    ...(extra === undefined || extra.length === 0 ? [] : [`extra ${toBase64(extra)}`]),
    `index ${index}`,
    ...hashes.map(toBase64),
  ];
  return `${lines.join("\n")}\n\n${checkpoint}`;
}

/** Throws AppError TLOG_PROOF_MALFORMED (integrity). Says nothing of whether it proves anything, nor of its checkpoint. */
export function parseTlogProof(text: string): TlogProof {
  const end = text.indexOf("\n\n");
  if (end === -1) throw malformed("no empty line stands before its checkpoint");
  const [first, ...rest] = text.slice(0, end).split("\n");
  if (first !== FIRST_LINE) throw malformed(`its first line is not "${FIRST_LINE}"`);
  const extra = parseExtra(rest[0]);
  const [index, ...hashes] = extra === undefined ? rest : rest.slice(1);
  if (hashes.length > MAX_HASHES) throw malformed("it is too long");
  return {
    index: parseIndex(index),
    hashes: hashes.map(parseHashLine),
    checkpoint: text.slice(end + 2),
    ...(extra === undefined ? {} : { extra }),
  };
}

/** undefined where it is another line. */
function parseExtra(line: string | undefined): Uint8Array | undefined {
  const [, encoded] = /^extra (.*)$/.exec(line ?? "") ?? [];
  if (encoded === undefined) return undefined;
  const extra = parseBase64(encoded);
  if (extra === undefined || extra.length === 0) throw malformed("its extra data is no base64");
  return extra;
}

function parseIndex(line: string | undefined): number {
  const [, digits] = /^index (0|[1-9]\d{0,15})$/.exec(line ?? "") ?? [];
  const index = Number(digits);
  if (!Number.isSafeInteger(index)) throw malformed("no index stands where one is expected");
  return index;
}

function parseHashLine(line: string): Uint8Array {
  const hash = parseHash(line);
  if (hash === undefined) throw malformed("one of its lines is no hash");
  return hash;
}

function malformed(why: string): AppError {
  return new AppError(
    { class: "integrity", code: "TLOG_PROOF_MALFORMED" },
    `Cannot read a tlog-proof: ${why}`,
  );
}
