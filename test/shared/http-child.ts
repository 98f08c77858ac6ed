/** One GET in a process of its own, whose trusted certificates are settled when it starts; prints the status or the error's code. */
import { AppError } from "../../src/shared/errors.ts";
import { openHttp } from "../../src/shared/http.ts";

const http = openHttp({ env: {}, retryDelaysMs: [] });
try {
  const response = await http.get(process.argv[2] ?? "");
  response.cancel();
  process.stdout.write(String(response.status));
} catch (error) {
  process.stdout.write(error instanceof AppError ? error.code : String(error));
}
await http.close();
