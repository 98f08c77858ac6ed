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
    const { missing } = await asked.catch((error: { fields: { missing: string[] } }) => error.fields);
    expect(missing.map((text) => text.split(" (")[0])).toEqual([
      "gcc 1.0+b1",
      "libgcc-s1 1.0+b1",
      "libstdc++6 1.0+b1",
      expect.stringMatching(/^source pkg:github\/example/),
    ]);
  });

  test("is content with all files and the proven source, without the archive it came in", async () => {
    const store = await temporaryStore();
    for (const text of ["libc6", "libstdc++6", "libgcc-s1", "gcc", "tar"])
      await store.add([Buffer.from(text)]);
    await expect(requireInputs([BASE.lock, COMPILED.lock], store)).resolves.toBeUndefined();
  });
});
