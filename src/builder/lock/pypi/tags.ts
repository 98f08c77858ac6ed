/** Which wheels an interpreter takes, best first: the platform compatibility tags of CPython 3 on x86-64 Linux (PEP 425, 600). */

/** Debian 12's C library is 2.36: the newest manylinux whose wheels it runs. */
export const GLIBC_MINOR = 36;
const OLDEST_GLIBC_MINOR = 5;
const ALIASES: Readonly<Record<number, string>> = { 17: "2014", 12: "2010", 5: "1" };

/** From a tag to its rank, 0 being the best. `minor` is that of Python 3. */
export function supportedTags(minor: number): ReadonlyMap<string, number> {
  const own = `cp3${minor}`;
  const platforms = platformTags();
  const older = downFrom(minor - 1, 2).map((one) => `cp3${one}-abi3`);
  const generic = [`py3${minor}`, "py3", ...downFrom(minor - 1, 0).map((one) => `py3${one}`)];
  const withPlatform = [
    `${own}-${own}`,
    `${own}-abi3`,
    `${own}-none`,
    ...older,
    ...generic.map((one) => `${one}-none`),
  ];
  const tags = [
    ...withPlatform.flatMap((one) => platforms.map((platform) => `${one}-${platform}`)),
    ...[own, ...generic].map((one) => `${one}-none-any`),
  ];
  return new Map(tags.map((tag, rank) => [tag, rank]));
}

function platformTags(): readonly string[] {
  const manylinux = downFrom(GLIBC_MINOR, OLDEST_GLIBC_MINOR).flatMap((minor) => {
    const alias = ALIASES[minor];
    return [`manylinux_2_${minor}`, ...(alias === undefined ? [] : [`manylinux${alias}`])];
  });
  return [...manylinux, "linux"].map((one) => `${one}_x86_64`);
}

function downFrom(first: number, last: number): readonly number[] {
  return Array.from({ length: first - last + 1 }, (_, index) => first - index);
}
