import { describe, expect, test } from "vitest";
import { bytesMember } from "../../../src/builder/appliance/member.ts";
import { planAppliance, type AppliancePlan } from "../../../src/builder/appliance/plan.ts";
import { firstDifference } from "../../../src/builder/compare/appliances.ts";
import type { Carried } from "../../../src/builder/compare/carried.ts";
import { forgetfulStore } from "../../../src/builder/compare/forgetful-store.ts";
import { buildImage } from "../../../src/builder/image/build-image.ts";
import { digestOf } from "../../../src/shared/digest.ts";
import type { Store } from "../../../src/shared/store/store.ts";
import { CONFIG, EPOCH, smallTree } from "../small-image.ts";
import { temporaryStore } from "../temporary.ts";

type Entries = Parameters<typeof smallTree>[0];

async function planOf(store: Store, entries: Entries, guide = "guide"): Promise<AppliancePlan> {
  const tree = await smallTree(entries, store);
  const input = { name: "small", version: "0.1.0", config: CONFIG, layers: [tree], root: tree, epoch: EPOCH };
  const image = await buildImage(input, { store });
  const files = [bytesMember("docs/guide.md", guide)];
  return planAppliance({
    version: "0.1.0",
    variant: "cpu",
    epoch: EPOCH,
    images: [image],
    models: [],
    files,
  });
}

/** What a plan comes to, as if it had been written and carried; `more` is added, or hidden where undefined. */
function carriedOf(
  plan: AppliancePlan,
  store: Store,
  more: Readonly<Record<string, string | undefined>> = {},
): Carried {
  const members = new Map(plan.members.map((member) => [member.path as string, member]));
  for (const [path, text] of Object.entries(more)) {
    if (text === undefined) members.delete(path);
    else members.set(path, bytesMember(path, text));
  }
  return {
    entries: [...members.keys()].map((path) => ({ path })),
    async *read(path) {
      const source = members.get(path)?.source;
      if (source?.kind === "bytes") yield source.bytes;
      if (source?.kind === "content") yield* store.read(source.content.blob);
    },
  };
}

const TREE = { bin: undefined, "bin/tool": { text: "tool", mode: 0o755 }, "bin/zz": "last" };

async function differenceOf(ours: Entries, theirs: Entries) {
  const [store, elsewhere] = [await temporaryStore(), await temporaryStore()];
  const carried = carriedOf(await planOf(elsewhere, theirs), elsewhere);
  return firstDifference(await planOf(store, ours), carried, { store });
}

describe("firstDifference", () => {
  test("finds none between two builds of the same", async () => {
    expect(await differenceOf(TREE, TREE)).toBeUndefined();
  });

  test.each([
    [
      "a content",
      { ...TREE, "bin/tool": { text: "tooL", mode: 0o755 } },
      /^bin\/tool: sha256 sha256:\w+, expected/,
    ],
    ["a mode", { ...TREE, "bin/tool": { text: "tool", mode: 0o700 } }, /^bin\/tool: mode 700, expected 755$/],
    ["a link", { ...TREE, "bin/tool": { link: "zz" } }, /^bin\/tool: kind symlink, expected file/],
    ["an entry more", { ...TREE, "bin/zzz": "x" }, /^bin\/zzz: a file, expected nothing more$/],
    [
      "an entry less",
      { bin: undefined, "bin/tool": TREE["bin/tool"] },
      /^bin\/zz: missing, expected a file$/,
    ],
    ["another name", { ...TREE, "bin/a": "x" }, /^bin\/a: stands where bin\/tool is expected$/],
  ])("names the layer and in it the entry with %s", async (_, ours, what) => {
    const difference = await differenceOf(ours, TREE);
    expect(difference?.member).toMatch(/^images\/blobs\/sha256\/[0-9a-f]{64} \(layer 1 of small\)$/);
    expect(difference?.what).toMatch(what);
  });

  test.each([
    ["docs/guide.md", "other", `built as ${digestOf("guide")}, expected ${digestOf("other")}`],
    ["docs/guide.md", undefined, "built here, not in the appliance"],
    ["docs/more.md", "more", "only in the appliance, not built here"],
  ])("names member %s that is %j there", async (member, text, what) => {
    const store = await temporaryStore();
    const plan = await planOf(store, TREE);
    const carried = carriedOf(plan, store, { [member]: text });
    expect(await firstDifference(plan, carried, { store })).toEqual({ member, what });
  });

  test("does not compare signatures", async () => {
    const store = await temporaryStore();
    const plan = await planOf(store, TREE);
    const carried = carriedOf(plan, store, { "signatures/SHA256SUMS.sig": "x" });
    expect(await firstDifference(plan, carried, { store })).toBeUndefined();
  });

  test("names SHA256SUMS where nothing else differs", async () => {
    const store = await temporaryStore();
    const plan = await planOf(store, TREE);
    const carried = carriedOf(plan, store, { SHA256SUMS: "" });
    expect(await firstDifference(plan, carried, { store })).toMatchObject({ member: "SHA256SUMS" });
  });
});

describe("forgetfulStore", () => {
  test("recalls only what it is told to", async () => {
    const store = await temporaryStore();
    const key = digestOf("key");
    await store.remember("compile", key, 1);
    await store.remember("layer", key, 2);
    const forgetful = forgetfulStore(store, ["compile"]);
    expect(await forgetful.recall("compile", key)).toBe(1);
    expect(await forgetful.recall("layer", key)).toBeUndefined();
    const blob = await store.add([Buffer.from("x")]);
    expect(await forgetful.has(blob.digest)).toBe(true);
  });
});
