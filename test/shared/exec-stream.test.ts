import { describe, expect, test } from "vitest";
import { execStream } from "../../src/shared/exec-stream.ts";

async function collect(output: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of output) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* bytes(count: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < count; at += 1) yield Buffer.alloc(65_536, at & 0xff);
}

async function* failing(): AsyncGenerator<Uint8Array> {
  yield Buffer.from("some");
  throw new Error("the store is damaged");
}

describe("execStream", () => {
  test("streams every byte in and out at once", async () => {
    const received = await collect(execStream("cat", [], { input: bytes(160) }));
    expect(received.equals(await collect(bytes(160)))).toBe(true);
  });

  test("gives the child no environment but the one named", async () => {
    process.env["CLOISTER_TEST_SECRET"] = "leaked";
    const received = await collect(execStream("env", [], { env: { PATH: "/usr/bin:/bin", ONE: "1" } }));
    expect(received.toString()).toBe("PATH=/usr/bin:/bin\nONE=1\n");
  });

  test("fails after the last chunk, with what the program said on stderr", async () => {
    const received: string[] = [];
    const receiving = (async () => {
      for await (const chunk of execStream("sh", ["-c", "echo out; echo broken >&2; exit 3"]))
        received.push(Buffer.from(chunk).toString());
    })();
    await expect(receiving).rejects.toMatchObject({
      code: "EXEC_FAILED",
      fields: { file: "sh", exitCode: 3, stderr: "broken" },
    });
    expect(received).toEqual(["out\n"]);
  });

  test("says that a program is missing", async () => {
    await expect(collect(execStream("no-such-program", []))).rejects.toMatchObject({ code: "EXEC_MISSING" });
  });

  test("fails where the input fails", async () => {
    await expect(collect(execStream("cat", [], { input: failing() }))).rejects.toThrow(
      "the store is damaged",
    );
  });

  test("ends the program where nobody reads on, and where it is told to stop", async () => {
    for await (const chunk of execStream("sh", ["-c", "echo first; exec sleep 600"])) {
      expect(Buffer.from(chunk).toString()).toBe("first\n");
      break;
    }
    const refusing = (async () => {
      for await (const chunk of execStream("yes", [])) throw new Error(`no ${chunk.length > 0}`);
    })();
    await expect(refusing).rejects.toThrow("no true");
    const controller = new AbortController();
    const stopped = collect(execStream("sleep", ["600"], { signal: controller.signal }));
    controller.abort();
    await expect(stopped).rejects.toMatchObject({ code: "EXEC_FAILED" });
  });
});
