import { describe, expect, test } from "vitest";
import { checkBody } from "../../../src/gateway/http/check-body.ts";

function check(body: unknown) {
  return checkBody(Buffer.from(JSON.stringify(body)), "demo");
}

function message(...content: readonly unknown[]) {
  return { messages: [{ role: "user", content }] };
}

const DATA = "data:image/png;base64,AAAA";

describe("checkBody", () => {
  test.each([
    [
      "an image",
      message({ type: "image_url", image_url: { url: "https://x/a.png" } }),
      "messages[0].content[0].image_url.url",
    ],
    [
      "an image given as text",
      message({ type: "image_url", image_url: "http://x" }),
      "messages[0].content[0].image_url",
    ],
    [
      "a file of the server",
      message({ type: "image_url", image_url: { url: "file:///etc/passwd" } }),
      "image_url.url",
    ],
    ["a URL in capitals", message({ type: "image_url", image_url: { url: "HTTP://x" } }), "image_url.url"],
    ["a blank before it", message({ type: "image_url", image_url: { url: " data:x" } }), "image_url.url"],
    [
      "a sound's data",
      message({ type: "input_audio", input_audio: { data: "http://x/a.wav" } }),
      "input_audio.data",
    ],
    [
      "a sound's URL",
      message({ type: "input_audio", input_audio: { url: "http://x/a.wav" } }),
      "input_audio.url",
    ],
    [
      "a sound's data of a file",
      message({ type: "input_audio", input_audio: { data: "file://a" } }),
      "input_audio.data",
    ],
    [
      "a sound's data that llama-server takes for a URL",
      message({ type: "input_audio", input_audio: { data: "httpAAAA" } }),
      "input_audio.data",
    ],
    [
      "a video's data",
      message({ type: "input_video", input_video: { data: "https://x" } }),
      "input_video.data",
    ],
    ["a video", message({ type: "video_url", video_url: { url: "https://x" } }), "video_url.url"],
    [
      "Anthropic's image",
      message({ type: "image", source: { type: "url", url: "https://x" } }),
      "source.url",
    ],
    [
      "Anthropic's document",
      message({ type: "document", source: { type: "url", url: "https://x" } }),
      "source.url",
    ],
    [
      "a tool's result",
      message({
        type: "tool_result",
        content: [{ type: "image", source: { type: "url", url: "https://x" } }],
      }),
      "source.url",
    ],
    [
      "Responses' image",
      { input: [{ role: "user", content: [{ type: "input_image", image_url: "https://x" }] }] },
      "image_url",
    ],
    [
      "Responses' file",
      { input: [{ role: "user", content: [{ type: "input_file", file_url: "https://x" }] }] },
      "file_url",
    ],
    [
      "a function's output",
      {
        input: [{ type: "function_call_output", output: [{ type: "input_image", image_url: "https://x" }] }],
      },
      "image_url",
    ],
    [
      "an embedding's image",
      { input: [{ content: [{ type: "image_url", image_url: { url: "http://x" } }] }] },
      "image_url.url",
    ],
    ["a server of tools", { tools: [{ type: "mcp", server_url: "https://x" }] }, "tools[0]"],
    ["Anthropic's server of tools", { mcp_servers: [{ type: "url", url: "https://x" }] }, "mcp_servers[0]"],
  ])("refuses %s that would have to be fetched", (...[, body, where]) => {
    const refused = check(body);
    expect(refused).toMatchObject({ status: 400, code: "remote_content" });
    expect(refused).toMatchObject({ message: expect.stringContaining(where) });
  });

  test.each([
    ["data: URLs", message({ type: "image_url", image_url: { url: DATA } })],
    [
      "data: URLs of sounds",
      message({ type: "input_audio", input_audio: { data: "data:audio/wav;base64,UklG" } }),
    ],
    ["base64", message({ type: "input_audio", input_audio: { data: "UklGRg==", format: "wav" } })],
    [
      "Anthropic's base64",
      message({ type: "image", source: { type: "base64", media_type: "image/png", data: "AAAA" } }),
    ],
    ["text with a URL", message({ type: "text", text: "see https://example.org and file:///x" })],
    ["text alone", { messages: [{ role: "user", content: "http://example.org" }] }],
    [
      "a call's arguments",
      { messages: [{ role: "assistant", tool_calls: [{ function: { arguments: '{"url":"http://x"}' } }] }] },
    ],
    ["a tool's input", message({ type: "tool_use", id: "1", name: "get", input: { url: "https://x" } })],
    [
      "a function with a URL among its parameters",
      {
        tools: [
          {
            type: "function",
            function: { name: "get", parameters: { properties: { url: { type: "string" } } } },
          },
        ],
      },
    ],
    ["an input of text", { input: "http://x" }],
    ["a prompt of tokens", { prompt: [1, 2, 3] }],
  ])("takes %s", (_, body) => {
    expect(check(body)).toHaveProperty("fields");
  });

  test("refuses what is nested deeper than anyone needs, without falling over", () => {
    const deep = `{"messages":${"[".repeat(20_000)}${"]".repeat(20_000)}}`;
    expect(checkBody(Buffer.from(deep), "demo")).toMatchObject({ status: 400 });
  });

  test("repeats no more of a client's text than a name's length", () => {
    expect(check({ model: "x".repeat(5_000) })).toMatchObject({
      status: 404,
      message: expect.stringMatching(/^.{1,300}$/),
    });
  });
});
