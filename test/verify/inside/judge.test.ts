/** Each judgement with what must be green beside what must be red, and with its subject or control missing. */
import { describe, expect, test } from "vitest";
import { digestOf } from "../../../src/shared/digest.ts";
import { compareFiles, judgeFiles, type FoundFile } from "../../../src/verify/inside/files.ts";
import { judgeMounts } from "../../../src/verify/inside/mounts.ts";
import { judgeNames, type NamesView } from "../../../src/verify/inside/names.ts";
import { judgeOutbound, type OutboundView } from "../../../src/verify/inside/outbound.ts";
import { checkProcesses, judgeProcesses } from "../../../src/verify/inside/processes.ts";
import type { ProcessStatus } from "../../../src/verify/inside/procfs.ts";
import { judgeRoutes, type NetworkView } from "../../../src/verify/inside/routes.ts";
import { judgeHealth, judgeModels } from "../../../src/verify/inside/server.ts";

const USER = { uid: 10_001, gid: 10_001 };

function mount(path: string, writable: boolean) {
  return { path, type: "x", writable };
}
function folder(path: string): FoundFile {
  return { path, kind: "directory", mode: 0o755, uid: 0, gid: 0 };
}
function ok(value: unknown) {
  return { status: 200, body: JSON.stringify(value) };
}

const zero = "0000000000000000";
const good: ProcessStatus = {
  pid: 1,
  uids: [10_001, 10_001, 10_001, 10_001],
  gids: [10_001, 10_001, 10_001, 10_001],
  groups: [],
  capabilities: { CapInh: zero, CapPrm: zero, CapEff: zero, CapBnd: zero, CapAmb: zero },
  noNewPrivileges: "1",
  seccomp: "2",
};

describe("judgeProcesses", () => {
  test("passes on a powerless process 1 and is inconclusive without one", () => {
    expect(judgeProcesses(USER, [good]).verdict).toBe("pass");
    expect(judgeProcesses(USER, [{ ...good, pid: 2 }]).verdict).toBe("inconclusive");
    expect(judgeProcesses(USER, []).verdict).toBe("inconclusive");
  });

  test.each<[Partial<ProcessStatus>, string]>([
    [{ uids: [10_001, 0, 10_001, 10_001] }, "user 10001,0,10001,10001"],
    [{ uids: [] }, "user "],
    [{ gids: [0, 0, 0, 0] }, "group 0,0,0,0"],
    [{ groups: [10_001, 998] }, "further groups 10001,998"],
    [{ capabilities: { ...good.capabilities, CapBnd: "0000000000000001" } }, "CapBnd 0000000000000001"],
    [{ capabilities: { ...good.capabilities, CapAmb: "0000000000002000" } }, "CapAmb 0000000000002000"],
    [{ noNewPrivileges: "0" }, "NoNewPrivs 0"],
    [{ seccomp: "0" }, "Seccomp 0"],
  ])("fails on %j of any process", (change, fault) => {
    const check = judgeProcesses(USER, [good, { ...good, ...change, pid: 9 }]);
    expect(check).toMatchObject({ verdict: "fail", observed: `process 9: ${fault}` });
  });
});

const root = (pid: number): ProcessStatus => ({ ...good, pid, uids: [0, 0, 0, 0] });

/** The last look goes on for ever. */
async function check(...looks: readonly (readonly ProcessStatus[])[]) {
  let look = -1;
  return await checkProcesses({ user: USER }, async () => {
    look = Math.min(look + 1, looks.length - 1);
    return looks[look] ?? [];
  });
}

describe("checkProcesses", () => {
  test("passes over the engine's starter, which becomes what it starts or ends", async () => {
    expect((await check([good, root(7)], [good, { ...good, pid: 7 }])).verdict).toBe("pass");
    expect((await check([good, root(7)], [good])).verdict).toBe("pass");
    expect((await check([good, root(7)], [good, root(8)])).verdict).toBe("pass");
  });

  test("fails on one that stays", async () => {
    expect(await check([good, root(7)])).toMatchObject({
      verdict: "fail",
      observed: "process 7: user 0,0,0,0",
    });
    const busy = await check([good, root(7), root(8)], [good, root(8), root(9)]);
    expect(busy).toMatchObject({ verdict: "fail", observed: "process 8: user 0,0,0,0" });
    expect((await check([root(1)])).verdict).toBe("fail");
  });
});

describe("judgeMounts", () => {
  const planned = [
    { path: "/models/model.gguf", writable: false },
    { path: "/run/cloister", writable: true },
  ];
  const seen = {
    mounts: [
      mount("/", false),
      mount("/proc", true),
      mount("/dev/shm", true),
      mount("/etc/hosts", true),
      mount("/run/cloister", true),
    ],
    rootWrite: "EROFS",
    tmpfsWrite: "written",
  };

  test("passes on a read-only root whose control write got through", () => {
    expect(judgeMounts(planned, seen)).toMatchObject({
      verdict: "pass",
      control: expect.stringContaining("written"),
    });
  });

  test("is inconclusive where the control write failed or no root was seen", () => {
    expect(judgeMounts(planned, { ...seen, tmpfsWrite: "EROFS" }).verdict).toBe("inconclusive");
    expect(judgeMounts(planned, { ...seen, mounts: [] }).verdict).toBe("inconclusive");
  });

  test.each([
    [{ mounts: [mount("/", true)] }, "the root is mounted writable"],
    [{ mounts: [mount("/", false), mount("/", true)] }, "the root is mounted writable"],
    [{ rootWrite: "written" }, "a write to the root ended with written"],
    [{ rootWrite: "EACCES" }, "a write to the root ended with EACCES"],
    [{ mounts: [mount("/", false), mount("/srv", false)] }, "/srv is mounted and was not planned"],
    [{ mounts: [mount("/", false), mount("/devices", false)] }, "/devices is mounted and was not planned"],
    [
      { mounts: [mount("/", false), mount("/models/model.gguf", true)] },
      "/models/model.gguf is mounted writable",
    ],
  ])("fails on %j", (change, fault) => {
    expect(judgeMounts(planned, { ...seen, ...change })).toMatchObject({ verdict: "fail", observed: fault });
  });
});

describe("judgeRoutes", () => {
  const lo = { name: "lo", up: true, addresses: ["127.0.0.1"] };
  const eth0 = { name: "eth0", up: true, addresses: ["198.18.2.2"] };
  const view: NetworkView = {
    interfaces: [lo, eth0],
    routes: [{ interface: "eth0", destination: "198.18.2.0/24" }],
  };

  test("passes on one internal interface, with or without a default route over it, and reports the route", () => {
    expect(judgeRoutes("198.18.2.2", view).verdict).toBe("pass");
    const routes = [...view.routes, { interface: "eth0", destination: "default" }];
    const check = judgeRoutes("198.18.2.2", { ...view, routes });
    expect(check).toMatchObject({ verdict: "pass", observed: expect.stringContaining("default over eth0") });
    expect(check.reason).toContain("default route");
  });

  test("passes with lo alone where no network is planned, and tolerates devices that are down", () => {
    expect(judgeRoutes(undefined, { interfaces: [lo], routes: [] }).verdict).toBe("pass");
    const tunnel = { name: "tunl0", up: false, addresses: [] };
    expect(judgeRoutes("198.18.2.2", { ...view, interfaces: [lo, eth0, tunnel] }).verdict).toBe("pass");
  });

  test("fails on a second interface, on a route over it, and where the planned address is nowhere", () => {
    const eth1 = { name: "eth1", up: true, addresses: [] };
    expect(judgeRoutes("198.18.2.2", { ...view, interfaces: [lo, eth0, eth1] }).verdict).toBe("fail");
    const routes = [{ interface: "eth1", destination: "203.0.113.0/24" }];
    expect(judgeRoutes("198.18.2.2", { ...view, routes }).verdict).toBe("fail");
    expect(judgeRoutes("198.18.9.9", view).verdict).toBe("fail");
    expect(judgeRoutes(undefined, view).verdict).toBe("fail");
  });

  test("is inconclusive where not even lo was seen", () => {
    expect(judgeRoutes(undefined, { interfaces: [], routes: [] }).verdict).toBe("inconclusive");
  });
});

describe("judgeOutbound", () => {
  const target = { protocol: "tcp", address: "203.0.113.80", port: 80, given: true } as const;
  const view = (outcome: string, controls = { tcp: "through", udp: "through" }): OutboundView => ({
    attempts: [{ target, outcome }],
    controls,
  });

  test.each(["timeout", "ENETUNREACH", "EHOSTUNREACH", "EACCES", "sent, no answer"])(
    "passes on %s",
    (outcome) => {
      expect(judgeOutbound(view(outcome)).verdict).toBe("pass");
      expect(judgeOutbound(view(outcome), view("through")).verdict).toBe("pass");
    },
  );

  test.each(["through", "refused", "EPROTO"])("fails on %s, whatever the controls say", (outcome) => {
    expect(judgeOutbound(view(outcome)).verdict).toBe("fail");
    expect(judgeOutbound(view(outcome, { tcp: "timeout", udp: "timeout" }), view("timeout")).verdict).toBe(
      "fail",
    );
  });

  test("is inconclusive without an attempt, with a control that failed, or with a twin that did not get through", () => {
    expect(judgeOutbound({ ...view("timeout"), attempts: [] }).verdict).toBe("inconclusive");
    expect(judgeOutbound(view("timeout", { tcp: "timeout", udp: "through" })).verdict).toBe("inconclusive");
    expect(judgeOutbound(view("timeout", { tcp: "through", udp: "sent, no answer" })).verdict).toBe(
      "inconclusive",
    );
    expect(judgeOutbound(view("timeout"), view("timeout")).verdict).toBe("inconclusive");
    expect(judgeOutbound(view("timeout"), { ...view("through"), attempts: [] }).verdict).toBe("inconclusive");
    const nowhere = {
      ...view("timeout"),
      attempts: [{ target: { ...target, given: false }, outcome: "timeout" }],
    };
    expect(judgeOutbound(nowhere, nowhere).verdict).toBe("inconclusive");
    const other = { target: { ...target, port: 81 }, outcome: "through" };
    expect(judgeOutbound(view("timeout"), { ...view("through"), attempts: [other] }).verdict).toBe(
      "inconclusive",
    );
  });
});

describe("judgeNames", () => {
  const view: NamesView = {
    system: "EAI_AGAIN",
    direct: [{ server: "127.0.0.11", outcome: "ETIMEOUT" }],
    systemControl: "127.0.0.1",
    directControl: "192.0.2.77",
  };

  test("passes where nobody answered", () => {
    expect(judgeNames(view).verdict).toBe("pass");
    expect(judgeNames({ ...view, direct: [{ server: "127.0.0.11", outcome: "ESERVFAIL" }] }).verdict).toBe(
      "pass",
    );
  });

  test.each(["203.0.113.80", "ENOTFOUND", "ENODATA"])(
    "fails on %s: it came from somebody who knows the name space",
    (outcome) => {
      expect(judgeNames({ ...view, system: outcome }).verdict).toBe("fail");
      expect(judgeNames({ ...view, direct: [{ server: "x", outcome }] }).verdict).toBe("fail");
    },
  );

  test("is inconclusive where a control did not resolve", () => {
    expect(judgeNames({ ...view, systemControl: "EAI_AGAIN" }).verdict).toBe("inconclusive");
    expect(judgeNames({ ...view, directControl: "ETIMEOUT" }).verdict).toBe("inconclusive");
  });
});

describe("judgeFiles", () => {
  const sha256 = digestOf("x");
  const listed = [
    { path: "etc", kind: "directory", mode: 0o755, uid: 0, gid: 0 },
    { path: "etc/a", kind: "file", mode: 0o644, uid: 0, gid: 0, sizeBytes: 1, sha256 },
    { path: "lib", kind: "symlink", mode: 0o777, uid: 0, gid: 0, target: "usr/lib" },
    { path: "root", kind: "directory", mode: 0o700, uid: 0, gid: 0 },
    { path: "root/b", kind: "file", mode: 0o600, uid: 0, gid: 0, sizeBytes: 1, sha256 },
  ] as const;
  const found: readonly FoundFile[] = listed.slice(0, 4);
  const plan = { files: listed, mounts: [{ path: "/models/model.gguf", writable: false }] };

  function judgeWith(path: string) {
    return judgeFiles(plan, { files: [...found, folder(path)], closed: ["root"] }).check;
  }

  test("passes where all is equal, and hands on what could not be read", () => {
    const look = judgeFiles(plan, { files: found, closed: ["root"] });
    expect(look).toMatchObject({ check: { verdict: "pass" }, hidden: ["root"] });
    const [, , ...others] = found;
    const unread: FoundFile = { path: "etc/a", kind: "file", mode: 0o644, uid: 0, gid: 0 };
    const closed = judgeFiles(plan, { files: [...found.slice(0, 1), unread, ...others], closed: ["root"] });
    expect(closed).toMatchObject({ check: { verdict: "pass" }, hidden: ["etc/a", "root"] });
  });

  test("leaves out what the engine makes on the way to a mount, and nothing like it", () => {
    expect(judgeWith("models").verdict).toBe("pass");
    expect(judgeWith("models2")).toMatchObject({ verdict: "fail", observed: "models2 is not listed" });
    expect(judgeWith("etc/hosts2").verdict).toBe("fail");
  });

  test.each<[Partial<FoundFile>, string]>([
    [{ sha256: digestOf("y") }, "has other bytes"],
    [{ mode: 0o4644 }, "has mode 4644, not 644"],
    [{ uid: 1 }, "belongs to 1:0, not 0:0"],
    [{ kind: "other" }, "is a other, not a file"],
    [{ kind: "symlink", target: "/x" }, "is a symlink, not a file"],
  ])("fails on %j", (change, fault) => {
    const changed = found.map((file) => (file.path === "etc/a" ? { ...file, ...change } : file));
    const { check } = judgeFiles(plan, { files: changed, closed: ["root"] });
    expect(check).toMatchObject({ verdict: "fail", observed: `etc/a ${fault}` });
  });

  test("fails on a link that leads elsewhere and on a missing path, not hidden by a closed folder of another name", () => {
    const elsewhere = found.map((file) => (file.path === "lib" ? { ...file, target: "/tmp" } : file));
    expect(compareFiles(listed.slice(0, 4), elsewhere)).toEqual([
      { path: "lib", fault: "leads to /tmp, not usr/lib" },
    ]);
    const { check } = judgeFiles(plan, { files: found.slice(1), closed: ["root"] });
    expect(check.observed).toBe("etc is missing");
    expect(judgeFiles(plan, { files: found, closed: ["roo"] }).check.observed).toBe("root/b is missing");
  });

  test("is inconclusive where there is nothing to compare", () => {
    expect(judgeFiles({ ...plan, files: [] }, { files: found, closed: [] }).check.verdict).toBe(
      "inconclusive",
    );
    expect(judgeFiles(plan, { files: [], closed: [] }).check.verdict).toBe("inconclusive");
  });
});

describe("the server", () => {
  test("health passes on 200 with status ok alone", () => {
    expect(judgeHealth(ok({ status: "ok" })).verdict).toBe("pass");
    expect(judgeHealth({ status: 503, body: '{"error":{"message":"Loading model"}}' }).verdict).toBe("fail");
    expect(judgeHealth({ status: 200, body: "<html>" }).verdict).toBe("fail");
    expect(judgeHealth({ error: "refused" }).verdict).toBe("fail");
  });

  test("models pass on exactly the alias, without a path anywhere in the answer", () => {
    expect(judgeModels("demo", ok({ data: [{ id: "demo" }] })).verdict).toBe("pass");
    expect(judgeModels("demo", ok({ data: [{ id: "other" }] })).verdict).toBe("fail");
    expect(judgeModels("demo", ok({ data: [{ id: "demo" }, { id: "demo" }] })).verdict).toBe("fail");
    expect(judgeModels("demo", ok({ data: [] })).verdict).toBe("fail");
    expect(judgeModels("demo", ok({ data: [{ id: "demo", path: "/models/model.gguf" }] })).verdict).toBe(
      "fail",
    );
    expect(judgeModels("demo", { status: 200, body: "[" }).verdict).toBe("fail");
  });
});
