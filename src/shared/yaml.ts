import { parse } from "yaml";

/** YAML as people write it here: a key that stands twice is a mistake, and so is what needs a guess. */
export function readYaml(text: string): unknown {
  return parse(text, { strict: true, uniqueKeys: true });
}
