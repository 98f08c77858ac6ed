import { SignJWT } from "jose";
import { afterEach, describe, expect, test } from "vitest";
import { pseudonym } from "../../../src/audit/pseudonym.ts";
import { ask, CHAT_PATH } from "./client.ts";
import { expectRefused } from "./expect-refused.ts";
import { closeRigs, startRig } from "./rig.ts";
import { CHAT, json } from "./upstream.ts";

afterEach(closeRigs);

describe("a key", () => {
  const identity = {
    pepper: Buffer.alloc(32),
    // SHA-256 of "good".
    clients: [{ id: "aider", sha256: "770e607624d689265ca6c44884d0807d9b054d23c473c106c72be9de08b7376c" }],
  };

  test.each([
    ["none", {}],
    ["an unknown one", { authorization: "Bearer wrong-key" }],
    ["one of another scheme", { authorization: "Basic good" }],
  ])("%s is refused, on any route", async (_, headers: Record<string, string>) => {
    const rig = await startRig({ answer: json(CHAT), identity });
    for (const path of [CHAT_PATH, "/v1/messages", "/slots", "/nothing"]) {
      const seen = await ask(rig, { path, headers });
      expect(seen.status).toBe(401);
      expect(seen.text).toContain(path === "/v1/messages" ? '"type":"error"' : '"code":"invalid_api_key"');
    }
    const rejects = await rig.untilRecords("reject", 4);
    expect(new Set(rejects.map(({ code }) => code))).toEqual(new Set(["invalid_api_key"]));
    expect(JSON.stringify(rejects)).not.toContain("wrong-key");
    expect(rig.upstream.received).toEqual([]);
  });

  test.each([{ authorization: "Bearer good" }, { "x-api-key": "good" }])(
    "that is known names its client and goes no further: %o",
    async (headers) => {
      const rig = await startRig({ answer: json(CHAT), identity });
      expect((await ask(rig, { headers: { ...headers } })).status).toBe(200);
      expect(await rig.records("req")).toMatchObject([{ who: { client: "aider", strength: "key" } }]);
      expect(JSON.stringify(rig.upstream.received[0]?.headers)).not.toContain("good");
    },
  );

  test("is not asked for at the host's socket, where a wrong one is refused all the same", async () => {
    const rig = await startRig({ answer: json(CHAT), identity });
    const { socketPath } = rig;
    expect((await ask({ socketPath })).status).toBe(200);
    expect(await rig.records("req")).toMatchObject([{ who: { client: "host", strength: "socket" } }]);
    expect((await ask({ socketPath }, { headers: { authorization: "Bearer wrong-key" } })).status).toBe(401);
  });
});

describe("a user's token", () => {
  const uiSecret = Buffer.from("a secret of the UI, long enough for HS256");
  const pepper = Buffer.alloc(32, 1);

  test.each([
    ["that is over", tokenOf(uiSecret, -60)],
    ["of another secret", tokenOf(Buffer.from("another secret that is long enough too"), 300)],
    ["that is none", Promise.resolve("nonsense")],
  ])("%s is refused with a record, which does not hold it", async (_, made) => {
    const rig = await startRig({ answer: json(CHAT), identity: { pepper, uiSecret } });
    const token = await made;
    const headers = { "x-openwebui-user-jwt": token };
    const { reject } = await expectRefused(rig, { headers }, { status: 401, code: "invalid_user_token" });
    expect(reject).toMatchObject({ method: "POST", route: "chat.completions" });
    expect(reject?.who).toBeUndefined();
    expect(JSON.stringify(reject)).not.toContain(token);
  });

  test("that is good names its user by a pseudonym, and goes no further", async () => {
    const rig = await startRig({ answer: json(CHAT), identity: { pepper, uiSecret } });
    const token = await tokenOf(uiSecret, 300);
    expect((await ask(rig, { headers: { "x-openwebui-user-jwt": token } })).status).toBe(200);
    expect(await rig.records("req")).toMatchObject([
      { who: { strength: "jwt", user: pseudonym(pepper, "user", "user-1") } },
    ]);
    expect(JSON.stringify(rig.upstream.received)).not.toContain(token);
    expect(JSON.stringify(await rig.records("req"))).not.toContain("user-1");
  });
});

async function tokenOf(secret: Uint8Array, expiresIn: number): Promise<string> {
  return await new SignJWT({ sub: "user-1", iss: "open-webui" })
    .setExpirationTime(Math.floor(Date.now() / 1_000) + expiresIn)
    .setProtectedHeader({ alg: "HS256" })
    .sign(secret);
}
