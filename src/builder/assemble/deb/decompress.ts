import { pipeline, Readable, type Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { AppError, messageOf } from "../../../shared/errors.ts";
import { execStream } from "../../../shared/exec-stream.ts";
import type { ArMember } from "./ar.ts";
import { malformedDeb } from "./malformed.ts";

const TIME_LIMIT_MS = 1_800_000;
/** xz -9 asks for 65 MiB; a header that asks for more is not a Debian package's. */
const XZ_MEMORY_LIMIT = "128MiB";

/**
 * The tar in a member named control.tar or data.tar with the compression's suffix. xz is the host's program: the fastest
 * there is, and its output is checked by what the package's digest stands for, not by which program made it.
 * Throws AppError DEB_MALFORMED and DEB_TOO_LARGE (integrity), XZ_MISSING (preflight).
 */
export async function* decompress(
  member: ArMember,
  { name, limitBytes }: { readonly name: string; readonly limitBytes: number },
): AsyncGenerator<Uint8Array> {
  let sizeBytes = 0;
  try {
    for await (const chunk of expand(member, name)) {
      sizeBytes += chunk.length;
      if (sizeBytes > limitBytes) throw tooLarge(name, member.name, limitBytes);
      yield chunk;
    }
  } catch (error) {
    throw explain(error, name, member.name);
  }
}

function expand(member: ArMember, name: string): AsyncIterable<Uint8Array> {
  const [, suffix = "none"] = /\.tar(.*)$/.exec(member.name) ?? [];
  switch (suffix) {
    case "":
      return member.content;
    case ".gz":
      return through(member.content, createGunzip());
    case ".zst":
      return through(member.content, createZstdDecompress());
    case ".xz":
      return execStream("xz", ["--decompress", "--stdout", `--memlimit-decompress=${XZ_MEMORY_LIMIT}`], {
        input: member.content,
        timeoutMs: TIME_LIMIT_MS,
      });
    default:
      throw malformedDeb(
        name,
        `"${member.name}" is compressed in an unknown way, expected xz, zst, gz or none`,
      );
  }
}

function through(content: AsyncIterable<Uint8Array>, transform: Transform): AsyncIterable<Uint8Array> {
  // An error of either reaches whoever reads the transform.
  pipeline(Readable.from(content), transform, () => {});
  return transform;
}

/** What the package's own bytes caused, told as such; what the store or the host caused, as it was. */
function explain(error: unknown, name: string, member: string): unknown {
  if (error instanceof AppError && error.code === "EXEC_MISSING") return xzMissing(error);
  const own = ownError(error);
  if (own !== undefined && own.code !== "EXEC_FAILED") return own;
  const why = own === undefined ? messageOf(error) : String(own.fields["stderr"]).trim();
  return malformedDeb(name, `"${member}" does not decompress: ${why}`, error);
}

/** An error of the source, which a program that reads it fails with in turn, lies below that program's own. */
function ownError(error: unknown): AppError | undefined {
  let found: AppError | undefined;
  for (let one = error; one instanceof Error; one = one.cause) if (one instanceof AppError) found = one;
  return found;
}

function tooLarge(name: string, member: string, limitBytes: number): AppError {
  return new AppError(
    { class: "integrity", code: "DEB_TOO_LARGE" },
    `Cannot unpack "${name}": its "${member}" is larger than ${limitBytes} bytes`,
    { fields: { package: name, expected: limitBytes } },
  );
}

function xzMissing(cause: unknown): AppError {
  return new AppError(
    { class: "preflight", code: "XZ_MISSING" },
    `Cannot unpack Debian packages: there is no program "xz", expected xz-utils`,
    { cause, hint: "On Debian: apt-get install xz-utils" },
  );
}
