/** C2SP tlog-checkpoint: origin, size and root hash, a line each. */
import { AppError } from "../../shared/errors.ts";
import { HASH_BYTES } from "../tree/rfc6962.ts";

export type Checkpoint = { readonly origin: string; readonly size: number; readonly root: Uint8Array };

export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${Buffer.from(root).toString("base64")}\n`;
}

/** `text` is a note's text. Throws AppError CHECKPOINT_MALFORMED (integrity); lines after the third are extensions, and ignored. */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin, size, encoded, ...rest] = text.split("\n");
  if (
    origin === undefined ||
    origin === "" ||
    size === undefined ||
    encoded === undefined ||
    rest.length === 0
  )
    throw malformed("it has fewer than three lines");
  if (!/^(?:0|[1-9]\d{0,15})$/.test(size) || !Number.isSafeInteger(Number(size)))
    throw malformed("its size is no number");
  const root = Buffer.from(encoded, "base64");
  if (root.length !== HASH_BYTES || root.toString("base64") !== encoded)
    throw malformed("its root is no hash");
  return { origin, size: Number(size), root };
}

function malformed(why: string): AppError {
  return new AppError(
    { class: "integrity", code: "CHECKPOINT_MALFORMED" },
    `Cannot read a checkpoint: ${why}`,
  );
}
