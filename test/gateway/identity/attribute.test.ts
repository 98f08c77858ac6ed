import { createHash, createHmac } from "node:crypto";
import { SignJWT } from "jose";
import { describe, expect, test } from "vitest";
import { pseudonym } from "../../../src/audit/pseudonym.ts";
import { attribute, type Door, type IdentityOptions } from "../../../src/gateway/identity/attribute.ts";

const PEPPER = Buffer.alloc(32, 9);
const SECRET = Buffer.from("a secret of the UI, long enough for HS256");
const CLIENTS = [
  { id: "ui", sha256: sha256("ui-key") },
  { id: "aider", sha256: sha256("aider-key") },
];
const WITH_ALL: IdentityOptions = { pepper: PEPPER, clients: CLIENTS, uiSecret: SECRET };
const NOW = Math.floor(Date.now() / 1000);
const REFUSED = { status: 401, code: "invalid_user_token" };

function sha256(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

function token(
  { sub = "user-1", iss = "open-webui", exp = NOW + 300, iat = NOW },
  secret: Uint8Array = SECRET,
): Promise<string> {
  return new SignJWT({ sub, iss, exp, iat, email: "a@b" }).setProtectedHeader({ alg: "HS256" }).sign(secret);
}

async function asks(headers: Record<string, string>, door: Door = "tcp", options = WITH_ALL) {
  return await attribute({ authorization: "Bearer ui-key", ...headers }, door, options);
}

describe("attribute", () => {
  test("a user that the UI signed for is a pseudonym, and so is the conversation", async () => {
    const who = await asks({ "x-openwebui-user-jwt": await token({}), "x-openwebui-chat-id": "chat-1" });
    expect(who).toEqual({
      client: "ui",
      strength: "jwt",
      user: pseudonym(PEPPER, "user", "user-1"),
      conversation: pseudonym(PEPPER, "conversation", "chat-1"),
    });
    const plain = createHmac("sha256", PEPPER).update("user\0user-1").digest("hex").slice(0, 32);
    expect(who).toMatchObject({ user: plain });
    expect(JSON.stringify(who)).not.toContain("user-1");
  });

  test.each([
    ["another secret", token({}, Buffer.from("another secret that is long enough too"))],
    ["another issuer", token({ iss: "someone" })],
    ["a time that is over", token({ exp: NOW - 1, iat: NOW - 301 })],
    ["no user", token({ sub: "" })],
    ["no signature", unsigned()],
    ["another algorithm", otherAlgorithm()],
    ["nothing of a token", Promise.resolve("nonsense")],
    [
      "a changed payload",
      token({}).then((text) => text.replace(/\.(.)/, (_, first) => `.${first === "e" ? "f" : "e"}`)),
    ],
  ])("a token with %s is refused, and not taken for no token", async (_, made) => {
    expect(await asks({ "x-openwebui-user-jwt": await made })).toMatchObject(REFUSED);
  });

  test("plain headers about a user are never believed", async () => {
    const plain = {
      "x-openwebui-user-id": "admin",
      "x-openwebui-user-email": "root@b",
      "x-openwebui-user-role": "admin",
    };
    for (const options of [WITH_ALL, { pepper: PEPPER }])
      expect(await asks(plain, "tcp", options)).not.toHaveProperty("user");
  });

  test("a token means nothing where the UI has no secret", async () => {
    const who = await asks({ "x-openwebui-user-jwt": await token({}) }, "tcp", { pepper: PEPPER });
    expect(who).toEqual({ client: "anonymous", strength: "none" });
  });

  test("says how well it is known", async () => {
    const noKey = { authorization: "" };
    expect(await asks({})).toMatchObject({ client: "ui", strength: "key" });
    expect(await asks({ authorization: "bearer aider-key" })).toMatchObject({ client: "aider" });
    expect(await asks(noKey, "socket")).toMatchObject({ client: "host", strength: "socket" });
    expect(await asks({}, "socket")).toMatchObject({ client: "ui", strength: "key" });
    expect(await asks(noKey, "tcp", { pepper: PEPPER })).toMatchObject({
      client: "anonymous",
      strength: "none",
    });
    expect(await asks(noKey)).toMatchObject({ status: 401, code: "invalid_api_key" });
    expect(await asks({ authorization: "Bearer ui-ke" })).toMatchObject({
      status: 401,
      code: "invalid_api_key",
    });
    expect(await asks(noKey, "tcp", { pepper: PEPPER, clients: [] })).toMatchObject({
      code: "invalid_api_key",
    });
  });
});

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function unsigned(): Promise<string> {
  return Promise.resolve(
    `${encode({ alg: "none" })}.${encode({ sub: "user-1", iss: "open-webui", exp: NOW + 300 })}.`,
  );
}

function otherAlgorithm(): Promise<string> {
  return new SignJWT({ sub: "user-1", iss: "open-webui", exp: NOW + 300 })
    .setProtectedHeader({ alg: "HS512" })
    .sign(SECRET);
}
