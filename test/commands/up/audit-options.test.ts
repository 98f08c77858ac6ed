import { rm } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import type { AuditWishes } from "../../../src/appliance/audit-settings.ts";
import { parseInvocation } from "../../../src/cli/parse.ts";
import { upCommand } from "../../../src/commands/up.ts";
import { auditWishesOf } from "../../../src/commands/up/audit-options.ts";
import { auditFolder, runLog } from "../log/run-log.ts";

function wishes(words: readonly string[]): AuditWishes {
  const invocation = parseInvocation(["up", ...words], [upCommand]);
  if (invocation.kind !== "run") throw new Error(invocation.kind);
  return auditWishesOf(invocation.input, (path) => `/somewhere/${path}`);
}

describe("what up is told of the log", () => {
  test("is taken as it was said", () => {
    const words = ["--log-new-key", "id.txt", "--log-mode", "strict", "--log-zone", "Europe/Berlin"];
    expect(wishes([...words, "--log-retention", "90", "--log-ledger-retention", "400"])).toEqual({
      recipients: [],
      plain: false,
      newKeyFile: "/somewhere/id.txt",
      mode: "strict",
      zone: "Europe/Berlin",
      content: 90,
      ledger: 400,
    });
    expect(wishes(["--log-plain", "--log-retention", "session"])).toEqual({
      recipients: [],
      plain: true,
      content: "session",
    });
  });

  test.each([
    ["a mode that there is not", ["--log-mode", "lazy"], "OPTION_INVALID"],
    ["plain text for a recipient", ["--log-plain", "--log-recipient", "age1x"], "OPTION_INVALID"],
    ["plain text and a new key", ["--log-plain", "--log-new-key", "f"], "OPTION_INVALID"],
  ])("is refused for %s", (_, words, code) => {
    expect(() => wishes(words)).toThrow(expect.objectContaining({ code, exitCode: 2 }));
  });

  test.each(["0", "030", "36501", "99999", "soon", ""])(
    "is refused for %j days as log retain refuses them",
    async (days) => {
      const refusal = { code: "RETENTION_INVALID", exitCode: 2 };
      expect(() => wishes(["--log-retention", days])).toThrow(expect.objectContaining(refusal));
      expect(() => wishes(["--log-ledger-retention", days])).toThrow(expect.objectContaining(refusal));
      const { root } = await auditFolder();
      const words = ["retain", "--content", days, "--ledger", "400"];
      await expect(runLog(root, words)).rejects.toMatchObject(refusal);
      await rm(root, { recursive: true });
    },
  );

  test("is refused for a ledger of the session", () => {
    const refusal = expect.objectContaining({ code: "RETENTION_INVALID", exitCode: 2 });
    expect(() => wishes(["--log-ledger-retention", "session"])).toThrow(refusal);
  });
});
