/** Where two appliance tars part, for the message of a test that found them different. */
import { exec } from "../../src/shared/exec.ts";

/** The first line of tar's listings, or of the sums in them, that is not in both; undefined where both are equal. */
export async function firstDifference(one: string, other: string): Promise<string | undefined> {
  for (const args of [
    ["-tvf", "{}", "--full-time", "--numeric-owner"],
    ["-xOf", "{}", "SHA256SUMS"],
  ]) {
    const [ours = [], theirs = []] = await Promise.all(
      [one, other].map(async (path) =>
        (
          await exec(
            "tar",
            args.map((word) => word.replace("{}", path)),
          )
        ).stdout.split("\n"),
      ),
    );
    const at = ours.findIndex((line, index) => line !== theirs[index]);
    if (at >= 0 || ours.length !== theirs.length)
      return `"${ours[at] ?? ""}" in one is "${theirs[Math.max(at, 0)] ?? ""}" in the other`;
  }
  return undefined;
}
