/** METADATA and WHEEL: lines of `Name: value`, a blank line, and text that does not matter here (RFC 822). */

/** The first value of each field, by its name in lower case. */
export function parseHeaders(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  const [head = ""] = text.split(/\r?\n\r?\n/, 1);
  for (const line of head.split(/\r?\n/)) {
    const [, name, value = ""] = /^([A-Za-z0-9-]+):\s*(.*)$/.exec(line) ?? [];
    if (name !== undefined && !fields.has(name.toLowerCase())) fields.set(name.toLowerCase(), value.trim());
  }
  return fields;
}
