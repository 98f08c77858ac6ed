/** Stands in for llama-server where the container around it is the subject: answers what the real one answers to these three paths. */
import { createServer } from "node:http";

const [alias, answer] = process.argv.slice(2);

function reply(request, response) {
  const json = (status, value) =>
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
  if (request.url === "/health") return json(200, { status: "ok" });
  if (request.url === "/v1/models")
    return json(200, { object: "list", data: [{ id: alias, object: "model" }] });
  if (request.url === "/v1/chat/completions")
    return json(200, { choices: [{ message: { role: "assistant", content: answer } }] });
  return json(404, { error: { code: 404 } });
}

process.umask(0o007);
createServer(reply).listen(8080, "0.0.0.0");
createServer(reply).listen("/run/cloister/llama.sock");
process.on("SIGTERM", () => process.exit(0));
