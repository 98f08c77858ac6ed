/**
 * Places in a request at which OpenAI's, Anthropic's and llama-server's APIs let a client name a URL or a file of the server: images,
 * sounds, videos and documents in messages, and servers of tools. Text that happens to contain a URL is none of these.
 */
import type { JsonObject } from "./check-body.ts";

/** Keys that hold such a name, within content. */
const NAMES = new Set([
  "url",
  "image_url",
  "input_image",
  "file_url",
  "video_url",
  "audio_url",
  "document_url",
]);
/** llama-server fetches what stands in `data` of these as well, where it begins like a URL; otherwise that is base64. */
const MEDIA = new Set(["input_audio", "input_video", "video_url", "image_url"]);
/** Where content stands in a request. */
const CONTENT = [
  "messages",
  "input",
  "prompt",
  "content",
  "system",
  "instructions",
  "documents",
  "query",
] as const;
const MAX_DEPTH = 64;

/** Where the first one is, as a path; undefined where there is none. */
export function findRemote(fields: JsonObject): string | undefined {
  for (const key of CONTENT) {
    const found = inContent(fields[key], key, 0);
    if (found !== undefined) return found;
  }
  return inTools(fields["tools"], "tools") ?? inTools(fields["mcp_servers"], "mcp_servers");
}

function inContent(value: unknown, path: string, depth: number): string | undefined {
  if (depth > MAX_DEPTH) return `${path.slice(0, 100)} (nested too deeply)`;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const found = inContent(item, `${path}[${index}]`, depth + 1);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, item] of Object.entries(value)) {
    const place = `${path}.${key}`;
    if (MEDIA.has(key) && isRemoteData(Object(item).data)) return `${place}.data`;
    if (NAMES.has(key) && typeof item === "string" && !item.startsWith("data:")) return place;
    // Arguments and results of tools are text that the model made or reads; nobody fetches what stands in them.
    if (key === "arguments" || key === "function") continue;
    if (key === "input" && isToolUse(value)) continue;
    const found = inContent(item, place, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Base64 has no colon. llama-server takes all that begins with "http" for a URL, which no image or sound in base64 does. */
function isRemoteData(data: unknown): boolean {
  return (
    typeof data === "string" && !data.startsWith("data:") && (data.startsWith("http") || data.includes(":"))
  );
}

function isToolUse(value: object): boolean {
  return "type" in value && value.type === "tool_use";
}

function inTools(value: unknown, path: string): string | undefined {
  if (!Array.isArray(value)) return undefined;
  for (const [index, tool] of value.entries()) {
    const server: unknown =
      Object(tool).server_url ?? (path === "mcp_servers" ? Object(tool).url : undefined);
    if (server !== undefined) return `${path}[${index}]`;
  }
  return undefined;
}
