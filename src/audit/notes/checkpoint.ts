/** C2SP tlog-checkpoint: origin, size and root hash, a line each. */
import { AppError } from "../../shared/errors.ts";
import { parseHash, toBase64 } from "./base64.ts";

export type Checkpoint = { readonly origin: string; readonly size: number; readonly root: Uint8Array };

export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${toBase64(root)}\n`;
}

/** `text` is a note's text. Throws AppError CHECKPOINT_MALFORMED (integrity); lines after the third are extensions, and ignored. */
export function parseCheckpoint(text: string): Checkpoint {
  if (!text.endsWith("\n")) throw malformed("its last line does not end");
  const lines = text.slice(0, -1).split("\n");
  const [origin, size, encoded] = lines;
  if (origin === undefined || size === undefined || encoded === undefined)
    throw malformed("it has fewer than three lines");
  if (lines.includes("")) throw malformed("it has an empty line");
  if (!/^(?:0|[1-9]\d{0,15})$/.test(size) || !Number.isSafeInteger(Number(size)))
    throw malformed("its size is no number");
  const root = parseHash(encoded);
  if (root === undefined) throw malformed("its root is no hash");
  return { origin, size: Number(size), root };
}

function malformed(why: string): AppError {
  return new AppError(
    { class: "integrity", code: "CHECKPOINT_MALFORMED" },
    `Cannot read a checkpoint: ${why}`,
  );
}
