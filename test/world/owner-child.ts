/** Makes a world in which a container runs that does not listen to TERM, says its id, and waits to be killed. */
import { createWorld } from "../../src/world/world.ts";
import { docker, IMAGE, importBusybox } from "./containers.ts";

const world = await createWorld({ engine: true });
await importBusybox(world);
await docker(world, "run", "--detach", IMAGE, "/usr/bin/busybox", "sleep", "1000");
if (process.argv.includes("keep")) await world.keep();
process.stdout.write(`${world.id}\n`);
setInterval(() => {}, 1_000_000);
