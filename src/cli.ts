#!/usr/bin/env node
/** Parses, calls one command, prints, sets the exit code. Nothing else in cloister prints or exits. */
import { COMMANDS } from "./cli/commands.ts";
import { runProgram } from "./cli/run-program.ts";

process.exitCode = await runProgram(process.argv.slice(2), COMMANDS);
