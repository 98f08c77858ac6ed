/** Package URLs (ECMA-427): parts percent-encoded but for the colon, qualifiers sorted. */

export function debPurl(pkg: {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly suite: string;
}): string {
  const distro = pkg.suite.replace(/-.*$/, "");
  return `pkg:deb/debian/${encode(pkg.name)}@${encode(pkg.version)}?arch=${pkg.architecture}&distro=${distro}`;
}

export function npmPurl(pkg: { readonly package: string; readonly version: string }): string {
  return `pkg:npm/${pkg.package.split("/").map(encode).join("/")}@${encode(pkg.version)}`;
}

export function pypiPurl(normalisedProject: string, version: string): string {
  return `pkg:pypi/${encode(normalisedProject)}@${encode(version)}`;
}

function encode(text: string): string {
  return encodeURIComponent(text).replaceAll("%3A", ":");
}
