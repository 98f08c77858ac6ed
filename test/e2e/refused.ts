import { expect } from "vitest";
import { cloister, type CloisterOptions } from "./checkout.ts";

export type Refusal = {
  readonly exitCode: number;
  readonly code: string;
  /** In the one sentence for a person. */
  readonly says: string | RegExp;
};

/** Runs it and expects to be refused in that way: exit code, sentence and, for programs, one document with the error's code. */
export async function expectRefused(
  args: readonly string[],
  refusal: Refusal,
  options: CloisterOptions = {},
): Promise<void> {
  const { exitCode, stdout, stderr } = await cloister([...args, "--json", "--quiet"], options);
  expect(exitCode, stderr).toBe(refusal.exitCode);
  const [sentence = "", hint = ""] = stderr.split("\n");
  expect(sentence).toMatch(/^cloister: Cannot /);
  expect(sentence).toMatch(refusal.says);
  expect(hint).toMatch(/^(?:hint: .+)?$/);
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: refusal.code } });
}
