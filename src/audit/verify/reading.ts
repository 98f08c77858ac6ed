/** Of a log that cannot be read nothing is known: what the file system says of it becomes an error with a name, and no verdict. */
import { stat } from "node:fs/promises";
import { relative } from "node:path";
import { AppError, isErrno } from "../../shared/errors.ts";

/** Throws AppError LOG_UNREADABLE (inconclusive) where `path` is no file, and where the file system refuses what `read` asks of it. */
export async function readingFile<T>(
  folder: string,
  path: string,
  read: (path: string) => Promise<T>,
): Promise<T> {
  return await reading(folder, path, async () => {
    // A pipe would be waited for without end.
    if (await isSomethingElse(path)) throw unreadable(relative(folder, path), "it is no file");
    return await read(path);
  });
}

/** The same of what need not be a file. */
export async function reading<T>(
  folder: string,
  path: string,
  read: (path: string) => Promise<T>,
): Promise<T> {
  try {
    return await read(path);
  } catch (error) {
    if (!(error instanceof Error && "syscall" in error)) throw error;
    throw unreadable(relative(folder, path), error.message, error);
  }
}

/** What is not there is for its reader. */
async function isSomethingElse(path: string): Promise<boolean> {
  try {
    return !(await stat(path)).isFile();
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}

function unreadable(file: string, why: string, cause?: unknown): AppError {
  return new AppError(
    { class: "inconclusive", code: "LOG_UNREADABLE" },
    `Cannot read "${file}" of the log: ${why}`,
    { fields: { path: file }, ...(cause === undefined ? {} : { cause }) },
  );
}
