/** TLS on the loopback address, with a certificate that openssl makes. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exec, PLAIN_ENVIRONMENT } from "../../src/shared/exec.ts";

let folder: string;
let server: Server;
let url: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tls-"));
  const names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  const files = ["-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem")];
  await exec("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", ...names, ...files]);
  server = createServer(
    { key: await readFile(join(folder, "key.pem")), cert: await readFile(join(folder, "cert.pem")) },
    (request, response) => {
      if (request.url === "/down") response.writeHead(302, { location: "http://127.0.0.1:9/" });
      if (request.url === "/on") response.writeHead(302, { location: "/" });
      response.end();
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  url = `https://127.0.0.1:${address !== null && typeof address === "object" ? address.port : 0}`;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

async function get(path: string, env: Readonly<Record<string, string>>): Promise<string> {
  const script = join(import.meta.dirname, "http-child.ts");
  const { stdout } = await exec(process.execPath, [script, `${url}${path}`], {
    env: { ...PLAIN_ENVIRONMENT, ...env },
  });
  return stdout;
}

test("get takes a certificate that the machine trusts and no other", async () => {
  expect(await get("/", { NODE_EXTRA_CA_CERTS: join(folder, "cert.pem") })).toBe("200");
  expect(await get("/", {})).toBe("HTTP_UNREACHABLE");
});

test("get follows a redirect within TLS and refuses one to plain text", async () => {
  const trusting = { NODE_EXTRA_CA_CERTS: join(folder, "cert.pem") };
  expect(await get("/on", trusting)).toBe("200");
  expect(await get("/down", trusting)).toBe("HTTP_REDIRECT");
});
