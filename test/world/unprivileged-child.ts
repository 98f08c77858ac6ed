/** Tries to make a world as whoever runs it, and says what comes of it. */
import { AppError } from "../../src/shared/errors.ts";
import { createWorld } from "../../src/world/world.ts";

try {
  await createWorld({ engine: false });
} catch (error) {
  if (!(error instanceof AppError)) throw error;
  const { code, exitCode, message, hint } = error;
  process.stdout.write(JSON.stringify({ code, exitCode, message, hint }));
}
