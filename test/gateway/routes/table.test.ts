import { describe, expect, test } from "vitest";
import { createMatcher, DENIED_ROUTES, OWN_ROUTES, ROUTES } from "../../../src/gateway/routes/table.ts";
import { PINNED_ROUTES } from "./pinned-routes.ts";

const allowed = [
  ...ROUTES.map(({ method, path }) => `${method} ${path}`),
  ...[...OWN_ROUTES.health, ...OWN_ROUTES.models].map((path) => `GET ${path}`),
];
const denied = DENIED_ROUTES.map(({ method, path }) => `${method} ${path}`);
const natives = [...new Set(ROUTES.flatMap((route) => (route.native === true ? [route.name] : [])))];

describe("the table of routes", () => {
  test("has every route of the pinned llama-server in exactly one list, and no other", () => {
    expect([...allowed, ...denied].sort()).toEqual([...PINNED_ROUTES].sort());
  });

  test("gives each denied one a reason", () => {
    expect(DENIED_ROUTES.filter(({ why }) => why === "")).toEqual([]);
  });
});

describe("createMatcher", () => {
  test("lets no route of llama-server through but those of the list", () => {
    const match = createMatcher([]);
    const through = PINNED_ROUTES.filter((route) => {
      const [method = "", path = ""] = route.split(" ");
      return match(method, path).kind === "forward";
    });
    const standard = ROUTES.filter(({ native }) => native === undefined);
    expect(through).toEqual(standard.map(({ method, path }) => `${method} ${path}`).sort());
  });

  test.each(natives)("lets the native route %s through where the policy names it", (name) => {
    for (const { method, path } of ROUTES.filter((route) => route.name === name && route.native === true)) {
      expect(createMatcher([])(method, path)).toMatchObject({ kind: "denied", path });
      expect(createMatcher([name])(method, path)).toMatchObject({ kind: "forward", route: { name } });
    }
  });

  test("a name in the policy opens nothing that is not native", () => {
    const match = createMatcher(["/slots", "slots", "props", "/v1/stream"]);
    expect(match("GET", "/slots").kind).toBe("denied");
    expect(match("POST", "/props").kind).toBe("denied");
  });

  test("calls a slot by its route, whatever its number", () => {
    expect(createMatcher([])("POST", "/slots/7")).toMatchObject({ kind: "denied", path: "/slots/:id_slot" });
  });

  test.each(["__proto__", "constructor", "", "/", "*"])("finds nothing for %j", (path) => {
    expect(["unknown", "denied"]).toContain(createMatcher([])("GET", path).kind);
  });
});
