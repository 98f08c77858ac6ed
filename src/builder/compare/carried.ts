/** An appliance as whoever opened it shows it: a tar, or the folder that it was unpacked to. */
export type Carried = {
  readonly entries: readonly { readonly path: string }[];
  read(path: string): AsyncIterable<Uint8Array>;
};

/** Where two appliances part: the member, and what is different about it. */
export type Difference = { readonly member: string; readonly what: string };
