/** Appends a checkpoint under whatever limits it was started with, and says which error that was. */
import { appendCheckpoint } from "../../../src/audit/notes/checkpoint-file.ts";

const [log = "", note = ""] = process.argv.slice(2);
try {
  await appendCheckpoint(log, note);
  process.stdout.write("done\n");
} catch (error) {
  const code = error instanceof Error && "code" in error ? error.code : error;
  process.stdout.write(`${String(code)}\n`);
}
