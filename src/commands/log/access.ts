import { existsSync } from "node:fs";
import { join } from "node:path";
import { askWriter } from "../../audit/control/client.ts";
import type { CommandContext, CommandInput } from "../command.ts";
import { keysFolderOf, operatorOf, withLog } from "./at-log.ts";

/**
 * Writes down, durably, that somebody is about to read content here. A copy of a log that was carried elsewhere has no key beside it
 * and cannot be written: then whoever reads is told so.
 */
export async function recordAccess(
  folder: string,
  { input, context }: { readonly input: CommandInput; readonly context: CommandContext },
  what: { readonly verb: string; readonly detail: string },
): Promise<void> {
  const isOurs = existsSync(join(keysFolderOf(folder), "log.key")) || (await askWriter(folder)) !== undefined;
  if (!isOurs) {
    context.reporter.note("No access record: this log's signing key is not here, so that this is a copy");
    return;
  }
  const access = { ...what, by: operatorOf(input, context) };
  await withLog(folder, context, async (service) => await service.access(access));
}
