import { describe, expect, test } from "vitest";
import { digestOf } from "../../src/shared/digest.ts";
import { ECHO_ANSWER, echoModel } from "../../src/shared/gguf/echo-model.ts";
import { writeGguf } from "../../src/shared/gguf/write.ts";
import { completionQuestion, judgeCompletion } from "../../src/verify/completion.ts";
import { knownAnswer } from "../../src/verify/known-answer.ts";

const answer = (content: unknown) => ({
  status: 200,
  body: JSON.stringify({ choices: [{ message: { content } }] }),
});

function judge(replies: Parameters<typeof judgeCompletion>[1], known?: string) {
  return judgeCompletion(completionQuestion("inside", known), replies, known).verdict;
}

describe("judgeCompletion", () => {
  test("with a known answer passes on exactly that text, twice", () => {
    expect(judge([answer("Hi."), answer("Hi.")], "Hi.")).toBe("pass");
    expect(judge([answer("Hi"), answer("Hi")], "Hi.")).toBe("fail");
    expect(judge([answer("Hi."), answer("Hi")], "Hi.")).toBe("fail");
  });

  test("without one compares two runs with each other, and says so", () => {
    const replies = [answer("a"), answer("a")];
    expect(judgeCompletion(completionQuestion("host", undefined), replies, undefined)).toMatchObject({
      verdict: "pass",
      reason: expect.stringContaining("compared with each other"),
    });
    expect(judge([answer("a"), answer("b")])).toBe("fail");
    expect(judge([answer(""), answer("")])).toBe("fail");
  });

  test.each([
    [{ error: "refused" }],
    [{ status: 503, body: "{}" }],
    [{ status: 200, body: "[" }],
    [{ status: 200, body: "{}" }],
    [answer(null)],
  ])("fails on %j", (reply) => {
    expect(judge([answer("x"), reply])).toBe("fail");
    expect(judge([reply, reply], "x")).toBe("fail");
  });

  test("is inconclusive with fewer than two answers", () => {
    expect(judge([answer("x")], "x")).toBe("inconclusive");
    expect(judge([])).toBe("inconclusive");
  });
});

describe("knownAnswer", () => {
  test("is the echo model's, known by its bytes and not by its name", () => {
    const sha256 = digestOf(Buffer.concat([...writeGguf(echoModel())]));
    expect(knownAnswer({ sha256 })).toBe(ECHO_ANSWER);
    expect(knownAnswer({ sha256: digestOf("another model") })).toBeUndefined();
  });
});
