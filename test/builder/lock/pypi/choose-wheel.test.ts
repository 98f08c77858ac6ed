import { describe, expect, test } from "vitest";
import { chooseWheel } from "../../../../src/builder/lock/pypi/choose-wheel.ts";
import { supportedTags } from "../../../../src/builder/lock/pypi/tags.ts";
import { parseWheelName } from "../../../../src/builder/lock/pypi/wheel-name.ts";

const TAGS = supportedTags(11);

function choose(names: readonly string[], pin = { project: "alpha-beta", version: "1.0" }): string {
  const files = names.map((name) => ({ name, url: `http://127.0.0.1/${name}` }));
  return chooseWheel(pin, files, TAGS).name;
}

describe("parseWheelName", () => {
  test("takes a name apart, each combination of a compressed set being a tag", () => {
    expect(parseWheelName("Alpha_Beta.c-1.0-2x-py2.py3-none-manylinux1_x86_64.linux_x86_64.whl")).toEqual({
      project: "alpha-beta-c",
      version: "1.0",
      build: 2,
      tags: [
        "py2-none-manylinux1_x86_64",
        "py2-none-linux_x86_64",
        "py3-none-manylinux1_x86_64",
        "py3-none-linux_x86_64",
      ],
    });
  });

  test.each([
    "alpha-1.0.tar.gz",
    "alpha-1.0-py3-none.whl",
    "alpha-1.0-py3-none-any.whl.asc",
    "a b-1-py3-none-any.whl",
    "../a-1-py3-none-any.whl",
    "",
  ])("says that %s is none", (name) => {
    expect(parseWheelName(name)).toBeUndefined();
  });
});

describe("chooseWheel", () => {
  test("takes this Python's before any Python's, a compiled one before a pure one, the newest C library first", () => {
    const best = [
      "alpha_beta-1.0-cp311-cp311-manylinux_2_34_x86_64.whl",
      "alpha_beta-1.0-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
      "alpha_beta-1.0-cp311-cp311-linux_x86_64.whl",
      "alpha_beta-1.0-cp311-abi3-manylinux_2_17_x86_64.whl",
      "alpha_beta-1.0-cp39-abi3-manylinux_2_34_x86_64.whl",
      "alpha_beta-1.0-py3-none-manylinux_2_17_x86_64.whl",
      "alpha_beta-1.0-py3-none-any.whl",
    ];
    const others = [
      "alpha_beta-1.0-cp311-cp311-manylinux_2_39_x86_64.whl",
      "alpha_beta-1.0-cp311-cp311-musllinux_1_2_x86_64.whl",
      "alpha_beta-1.0-cp311-cp311-manylinux_2_17_aarch64.whl",
      "alpha_beta-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
      "alpha_beta-1.0-cp312-abi3-manylinux_2_17_x86_64.whl",
      "alpha_beta-1.0-py2-none-any.whl",
      "alpha_beta-1.0.tar.gz",
    ];
    for (const [index, name] of best.entries())
      expect(choose([...others, ...best.slice(index).toReversed()])).toBe(name);
  });

  test("counts the best tag of a compressed set, not its others", () => {
    const wide = "alpha_beta-1.0-cp311-cp311-manylinux_2_34_x86_64.manylinux_2_5_x86_64.whl";
    expect(choose(["alpha_beta-1.0-cp311-cp311-manylinux_2_17_x86_64.whl", wide])).toBe(wide);
  });

  test("takes the highest build among equals", () => {
    const names = [9, 10, 2].map((build) => `alpha_beta-1.0-${build}-py3-none-any.whl`);
    expect(choose(["alpha_beta-1.0-py3-none-any.whl", ...names])).toBe("alpha_beta-1.0-10-py3-none-any.whl");
  });

  test("takes neither another version nor another project, nor a source distribution", () => {
    const names = [
      "alpha_beta-1.0.1-py3-none-any.whl",
      "alpha-1.0-py3-none-any.whl",
      "alpha_beta-1.0.tar.gz",
    ];
    expect(() => choose(names)).toThrow(
      expect.objectContaining({
        code: "WHEEL_UNKNOWN",
        class: "usage",
        fields: { project: "alpha-beta", version: "1.0" },
      }),
    );
  });
});
