/** The tags in pip's own order, for Debian 12's C library whatever this machine has. */
import { expect, test } from "vitest";
import { supportedTags } from "../../../../src/builder/lock/pypi/tags.ts";
import { exec } from "../../../../src/shared/exec.ts";

const SCRIPT = `
from pip._vendor.packaging import _manylinux, tags
_manylinux._get_glibc_version = lambda: (2, 36)
_manylinux._is_compatible = lambda *_: True
_manylinux._have_compatible_abi = lambda *_: True
try: platforms = list(_manylinux.platform_tags("linux_x86_64", "x86_64"))
except TypeError: platforms = list(_manylinux.platform_tags(["x86_64"]))
platforms.append("linux_x86_64")
for tag in tags.cpython_tags((3, 11), ["cp311"], platforms): print(tag)
for tag in tags.compatible_tags((3, 11), "cp311", platforms): print(tag)
`;

test("are pip's, in pip's order", async () => {
  const { stdout } = await exec("python3", ["-c", SCRIPT], { env: { PATH: process.env["PATH"] ?? "" } });
  const theirs = stdout.trim().split("\n");
  expect(theirs.length).toBeGreaterThan(500);
  expect([...supportedTags(11)].map(([tag]) => tag)).toEqual(theirs);
  expect([...supportedTags(11).values()]).toEqual(theirs.map((_, index) => index));
});
