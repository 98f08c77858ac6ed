/** Opens a log and purges one user's text; whoever started it may kill it at any moment. */
import { openScratchLog } from "../write/scratch-log.ts";
import { ANNA, maintenanceOf } from "./people.ts";

const [log = "", keys = ""] = process.argv.slice(2);
const opened = await openScratchLog({ log, keys });
const maintenance = maintenanceOf(opened.log);
await maintenance.resume();
process.stdout.write("ready\n");
await maintenance.purge({ selector: { by: "user", user: ANNA }, reason: "r", by: "b" });
await opened.log.close();
