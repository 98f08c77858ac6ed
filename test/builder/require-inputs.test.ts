import { describe, expect, test } from "vitest";
import { requireInputs } from "../../src/builder/require-inputs.ts";
import { BASE, COMPILED } from "./evidence/small-locks.ts";
import { temporaryStore } from "./temporary.ts";

describe("requireInputs", () => {
  test("names every input that the store lacks and says what to do", async () => {
    const store = await temporaryStore();
    await store.add([Buffer.from("libc6")]);
    const asked = requireInputs([BASE.lock, COMPILED.lock], store);
    await expect(asked).rejects.toMatchObject({
      code: "INPUT_MISSING",
      class: "unavailable",
      hint: "Run cloister fetch",
    });
    await expect(asked).rejects.toMatchObject({
      fields: {
        missing: [
          expect.stringMatching(/^gcc 1\.0\+b1 \(sha256:/),
          expect.stringMatching(/^libgcc-s1 /),
          expect.stringMatching(/^libstdc\+\+6 /),
          expect.stringMatching(/^source pkg:github\/example/),
        ],
      },
    });
  });

  test("is content with all files and the proven source, without the archive it came in", async () => {
    const store = await temporaryStore();
    for (const text of ["libc6", "libstdc++6", "libgcc-s1", "gcc", "tar"])
      await store.add([Buffer.from(text)]);
    await expect(requireInputs([BASE.lock, COMPILED.lock], store)).resolves.toBeUndefined();
  });
});
