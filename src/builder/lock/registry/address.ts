/** From a lock's location to an address on this machine's mirrors. */
import { AppError } from "../../../shared/errors.ts";
import type { LockedFile } from "../lock.ts";
import type { Mirrors } from "../mirrors.ts";
import { readProjectPage } from "./pypi.ts";
import { urlBelow, type DocumentDeps } from "./read-document.ts";

/**
 * May hold credentials. An index of Python packages is asked where the file lies, since that differs between mirrors: its path in a
 * lock is "<project>/<file name>". Throws AppError MIRROR_UNKNOWN (preflight), HTTP_NOT_FOUND (unavailable) where the index has no
 * such file, DIGEST_MISMATCH (integrity) where it names another digest for it.
 */
export async function addressOf(
  file: LockedFile,
  deps: DocumentDeps & { readonly mirrors: Mirrors },
): Promise<string> {
  const mirror = await deps.mirrors.urlOf(file.mirror);
  if (file.mirror !== "pypi") return urlBelow(mirror, file.path);
  const [project = "", name = ""] = file.path.split("/");
  const found = (await readProjectPage(mirror, project, deps)).find((one) => one.name === name);
  if (found === undefined) {
    throw new AppError(
      { class: "unavailable", code: "HTTP_NOT_FOUND" },
      `Cannot find "${name}": the index no longer lists it for project "${project}"`,
    );
  }
  if (found.sha256 !== undefined && found.sha256 !== file.sha256) {
    throw new AppError(
      { class: "integrity", code: "DIGEST_MISMATCH" },
      `Cannot accept "${name}": the index names ${found.sha256}, expected ${file.sha256}`,
      { fields: { expected: file.sha256, received: found.sha256, path: file.path } },
    );
  }
  return withCredentialsOf(mirror, found.url);
}

/** Page addresses come without them; on the index's own server they are needed for its files too. */
function withCredentialsOf(mirror: string, address: string): string {
  const { origin, username, password } = new URL(mirror);
  const url = new URL(address);
  if (url.origin !== origin) return address;
  url.username = username;
  url.password = password;
  return url.href;
}
