/** Checkpoints that were carried out of the machine and brought back: anchors/ in the log's folder. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { anchorsFolder } from "../../audit/layout.ts";
import { isErrno } from "../../shared/errors.ts";
import { compareCodeUnits } from "../../shared/order.ts";

export type Anchor = { readonly from: string; readonly text: string };

const ANCHOR = /^(\d+)-[0-9a-f]{8}\.ckpt$/;

export function anchorName(size: number, rootHex: string): string {
  return `${size}-${rootHex.slice(0, 8)}.ckpt`;
}

export async function readAnchors(log: string): Promise<readonly Anchor[]> {
  return await Promise.all(
    (await names(log)).map(async (name) => ({
      from: `anchors/${name}`,
      text: await readFile(join(anchorsFolder(log), name), "utf8"),
    })),
  );
}

/** Number of records that the largest of them covers; 0 where none is there. */
export async function anchoredSize(log: string): Promise<number> {
  return Math.max(0, ...(await names(log)).map((name) => Number(ANCHOR.exec(name)?.[1])));
}

async function names(log: string): Promise<readonly string[]> {
  try {
    return (await readdir(anchorsFolder(log))).filter((name) => ANCHOR.test(name)).sort(compareCodeUnits);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}
