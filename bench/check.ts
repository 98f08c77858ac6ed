/** `check` beside sha256sum on the same files: node bench/check.ts */
import { join } from "node:path";
import { measurePeers, table, type Peer } from "./measure.ts";
import { buildAppliance, unpack, withFolder } from "./stage.ts";

const ROUNDS = 7;

await withFolder(async (folder) => {
  for (const [model, title] of [
    ["echo", "An appliance without a model to speak of (245 MB)"],
    ["large", "An appliance with a model of 622 MB"],
  ] as const) {
    const tar = await buildAppliance(folder, model);
    const unpacked = await unpack(tar, join(folder, `${model}-unpacked`));
    const cloister = join(unpacked, "bin/cloister");
    const peers: readonly Peer[] = [
      { name: "sha256sum -c", command: ["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd: unpacked },
      {
        name: "openssl dgst, compared with nothing",
        command: ["find", ".", "-type", "f", "-exec", "openssl", "dgst", "-sha256", "{}", "+"],
        cwd: unpacked,
      },
      { name: "cloister check, folder", command: [cloister, "check", "--quiet", unpacked] },
      { name: "cloister check, tar", command: [cloister, "check", "--quiet", tar] },
    ];
    process.stdout.write(table(title, await measurePeers(peers, ROUNDS)));
  }
});
