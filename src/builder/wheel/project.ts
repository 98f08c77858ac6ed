/** PEP 503, as in a lock. */
export function projectOf(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, "-");
}
