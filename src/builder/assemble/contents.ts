import type { Store } from "../../shared/store/store.ts";
import { createRangeReader } from "../../shared/tar/ranges.ts";
import { collect } from "./collect.ts";
import type { Content } from "./tree.ts";

/** Reads pieces of files of a tree, keeping the blobs that they lie in open until `close`. */
export type ContentReader = {
  /** The whole content, or the part of it that lies within the range. */
  read(
    content: Content,
    range?: { readonly offset: number; readonly sizeBytes: number },
  ): Promise<Uint8Array>;
  close(): Promise<void>;
};

export function createContentReader(store: Store): ContentReader {
  const ranges = createRangeReader();
  return {
    read: async (content, range = { offset: 0, sizeBytes: content.sizeBytes }) => {
      const start = Math.min(range.offset, content.sizeBytes);
      const end = Math.min(start + range.sizeBytes, content.sizeBytes);
      const inBlob = { offset: content.offset + start, sizeBytes: end - start };
      return await collect(ranges.read(store.pathOf(content.blob), inBlob));
    },
    close: () => ranges.close(),
  };
}

export async function withContents<T>(
  store: Store,
  use: (contents: ContentReader) => Promise<T>,
): Promise<T> {
  const contents = createContentReader(store);
  try {
    return await use(contents);
  } finally {
    await contents.close();
  }
}
