import type { Command, CommandContext, CommandInput, Outcome } from "../command.ts";
import { LOG_OPTIONS, logFolderOf, withLog } from "./at-log.ts";

export const logRotateCommand: Command = {
  name: "log rotate",
  side: "cloister",
  summary: "begin a new segment, or a new signing key",
  usage: "[--key] [--log DIR]",
  options: {
    key: { type: "boolean", help: "a new key signs checkpoints from here on; the one before vouches for it" },
    ...LOG_OPTIONS,
  },
  positionals: { minimum: 0, maximum: 0 },
  details: `The gateway begins a new segment at midnight and when one is large; this does it now, while streams run. The sealed segment is
compressed afterwards. With --key a new signing key is made and recorded, signed by the one before: tell it to whoever verifies.

Exit codes: 6 the log cannot be written.`,
  run,
};

async function run(input: CommandInput, context: CommandContext): Promise<Outcome> {
  const folder = await logFolderOf(input, context);
  return await withLog(folder, context, async (service) => {
    if (input.flag("key")) {
      const key = await service.renewSigningKey();
      return { data: { key }, text: `signs from here on: ${key}` };
    }
    const segment = await service.rotate();
    return { data: { segment }, text: `sealed: ${segment}` };
  });
}
