import { playOutside } from "../world/outside/main.ts";
import type { Command } from "./command.ts";

/** Without a summary: cloister calls it itself, inside a namespace. */
export const worldOutsideCommand: Command = {
  name: "world-outside",
  side: "either",
  summary: "",
  usage: "FOLDER DEVICE",
  options: {},
  positionals: { minimum: 2, maximum: 2 },
  details:
    "Plays the Internet in the network namespace that it is started in, and writes what it sees to FOLDER.",
  run: async ({ positionals: [folder = "", device = ""] }, { reporter }) => {
    await playOutside(folder, device, (line) => reporter.note(line));
    return { data: null, text: "" };
  },
};
