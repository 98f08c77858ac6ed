import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { readGatewayConfig } from "../../src/gateway/config.ts";
import { configIn } from "./serving.ts";

const DIGEST = `sha256:${"1".repeat(64)}`;
const ONE = configIn("/srv", { upstreamSocket: "/run/model/llama.sock" });
const EMBEDDING = { socket: "/run/embedding/llama.sock", alias: "embed", sha256: DIGEST };

async function fileOf(config: unknown): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "config-"));
  onTestFinished(async () => await rm(folder, { recursive: true }));
  const path = join(folder, "gateway.json");
  await writeFile(path, typeof config === "string" ? config : JSON.stringify(config));
  return path;
}

describe("readGatewayConfig", () => {
  test.each([
    ["one server", ONE],
    ["two servers", { ...ONE, embedding: EMBEDDING }],
    // One file may be served twice, once for vectors.
    ["two servers of one file", { ...ONE, embedding: { ...EMBEDDING, sha256: ONE.model.sha256 } }],
  ])("reads the configuration of %s", async (_, config) => {
    expect(await readGatewayConfig(await fileOf(config))).toEqual(config);
  });

  test.each([
    ["the first one's socket", { ...EMBEDDING, socket: ONE.upstream.socket }, "/embedding/socket"],
    [
      "the first one's socket by another path",
      { ...EMBEDDING, socket: "/run/../run//model/llama.sock" },
      "/embedding/socket",
    ],
    ["the first one's alias", { ...EMBEDDING, alias: ONE.model.alias }, "/embedding/alias"],
    ["no socket", { alias: "embed", sha256: DIGEST }, "socket"],
    ["no alias", { socket: EMBEDDING.socket, sha256: DIGEST }, "alias"],
    ["no digest", { socket: EMBEDDING.socket, alias: "embed" }, "sha256"],
    ["an empty alias", { ...EMBEDDING, alias: "" }, "/embedding/alias"],
    ["a socket that is no whole path", { ...EMBEDDING, socket: "llama.sock" }, "/embedding/socket"],
    ["a digest that is none", { ...EMBEDDING, sha256: "1".repeat(64) }, "/embedding/sha256"],
    ["something unknown", { ...EMBEDDING, port: 8080 }, 'additional properties "port"'],
    ["nothing", null, "/embedding"],
  ])("refuses a second server with %s", async (...[, embedding, why]) => {
    const path = await fileOf({ ...ONE, embedding });
    await expect(readGatewayConfig(path)).rejects.toMatchObject({
      class: "usage",
      code: "GATEWAY_CONFIG",
      fields: { path },
      message: expect.stringContaining(why),
    });
  });

  test.each([
    ["text that is no JSON", "{"],
    ["no first server", { ...ONE, upstream: undefined, embedding: EMBEDDING }],
  ])("refuses %s", async (_, config) => {
    await expect(readGatewayConfig(await fileOf(config))).rejects.toMatchObject({ code: "GATEWAY_CONFIG" });
  });

  test("refuses a file that is not there", async () => {
    await expect(readGatewayConfig("/nowhere/gateway.json")).rejects.toMatchObject({
      code: "GATEWAY_CONFIG",
    });
  });
});
