/** `load` beside `docker load` by hand, into one engine in a namespace of its own: node bench/load.ts */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { openAppliance, readText } from "../src/appliance/open-appliance.ts";
import { parseApplianceManifest } from "../src/shared/appliance/manifest.ts";
import { connectEngine } from "../src/shared/engine/engine.ts";
import { createWorld } from "../src/world/world.ts";
import { measurePeers, table, type Peer } from "./measure.ts";
import { buildAppliance, unpack, withFolder } from "./stage.ts";

const ROUNDS = 9;

await withFolder(async (folder) => {
  const tar = await buildAppliance(folder, "echo");
  const unpacked = await unpack(tar, join(folder, "unpacked"));
  const [reference = ""] = await referencesOf(tar);
  const world = await createWorld({ engine: true });
  try {
    const engine = await connectEngine(world.engineAddress);
    const state = join(folder, "state");
    const before = async (): Promise<void> => {
      for (const reference of await engine.imagesNamed("localhost/cloister/"))
        await engine.removeImage(reference);
      for (const path of [state, join(folder, "rest")]) await rm(path, { recursive: true, force: true });
    };
    const env = {
      DOCKER_HOST: world.engineAddress,
      STATE: state,
      TAR: tar,
      HERE: unpacked,
      REST: join(folder, "rest"),
    };
    const peer = (name: string, script: string): Peer => ({
      name,
      command: ["/bin/sh", "-euc", script],
      before,
      env,
    });
    const byHand = 'tar -C "$HERE/images" -cf - . | docker load';
    const keep =
      'mkdir "$REST"; tar -C "$REST" --exclude=./images -xf "$TAR" bin compose docs models provenance SBOM SHA256SUMS appliance.json';
    const start = `docker run --rm --network none --pull never ${reference}`;
    const peers = [
      peer("docker load by hand", byHand),
      peer("docker load, and the rest unpacked", `${byHand}; ${keep}`),
      peer(
        "sha256sum -c, docker load, the rest unpacked, one start",
        `cd "$HERE"; sha256sum --quiet -c SHA256SUMS; ${byHand}; ${keep}; ${start}`,
      ),
      peer("cloister load", '"$HERE/bin/cloister" load --quiet --state "$STATE" "$TAR"'),
    ];
    process.stdout.write(table("One image of 49 MB, 196 MB beside it", await measurePeers(peers, ROUNDS)));
  } finally {
    await world.destroy();
  }
});

async function referencesOf(tar: string): Promise<readonly string[]> {
  const manifest = await readText(await openAppliance(tar), "appliance.json");
  return parseApplianceManifest(manifest, tar).images.map(({ reference }) => reference);
}
