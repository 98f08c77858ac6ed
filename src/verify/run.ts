/** The suite from top to bottom: every container of the stack, and what they have in common. */
import type { Engine } from "../shared/engine/engine.ts";
import type { Check } from "./check.ts";
import { judgeCompose } from "./host/compose.ts";
import { checkDenied } from "./host/denied.ts";
import { judgeReserved } from "./host/reserved.ts";
import { runCompanion } from "./host/companion.ts";
import type { InsidePlan } from "./inside/plan.ts";
import { toReport, type VerifyNonces, type VerifyReport } from "./report/report.ts";
import { look, verifyService, type Look, type ServiceDeps } from "./service.ts";
import type { OpenNetwork, Stack } from "./subject.ts";

export type VerifyDeps = Pick<ServiceDeps, "reporter" | "scratch" | "signal"> & {
  readonly engine: ServiceDeps["engine"] & Pick<Engine, "containerMounts">;
  /** Never used before: whoever watches the outside can tell the sealed attempts from the twin's. */
  readonly nonces: VerifyNonces;
};

/** Throws what the engine throws where it is absent or lost; everything that only one check lacks makes that one inconclusive. */
export async function verify(
  stack: Stack,
  open: OpenNetwork | undefined,
  deps: VerifyDeps,
): Promise<VerifyReport> {
  const { companion, services } = stack;
  const twin = twinOnce(stack, open, deps);
  const shared = { ...deps, companion, open, nonce: deps.nonces.sealed, twin };
  // Most of it is waiting for what never answers: the services are looked at side by side.
  const looks = await Promise.all(
    services.map(async (subject) => ({ subject, seen: await verifyService(subject, shared) })),
  );
  const denied = await Promise.all(services.map(checkDenied));
  const refusals = denied.flatMap((check) => check ?? []);
  const completions = looks.reduce((sum, { seen }) => sum + seen.asked, 0);
  const mounts = stack.reserved.length === 0 ? [] : await deps.engine.containerMounts();
  const checks: Check[] = [
    judgeCompose(stack.compose),
    ...stack.reserved.map((one) => judgeReserved(one, mounts)),
    ...looks.flatMap(({ subject, seen }) =>
      seen.checks.map((check) => ({ ...check, service: subject.service })),
    ),
    ...refusals,
    ...((await stack.after?.({ completions, refusals: refusals.length })) ?? []),
  ];
  const gaps = looks.flatMap(({ seen }) => seen.gaps);
  return { ...toReport(stack.release, checks, gaps), nonces: deps.nonces };
}

/** The first service that asks says what its image is; the attempts are the same for all. */
function twinOnce(
  { companion }: Stack,
  open: OpenNetwork | undefined,
  deps: VerifyDeps,
): ServiceDeps["twin"] {
  let made: Promise<Look> | undefined;
  return ({ plan, image }) => {
    if (open === undefined) return undefined;
    made ??= look(async () => {
      const { twin: nonce } = deps.nonces;
      const { server: _server, gateway: _gateway, ...rest } = plan;
      const twin: InsidePlan = { ...rest, role: "twin", nonce, targets: open.targets, files: [] };
      const place = { name: `cloister-verify-twin-${nonce}`, image, network: open.name };
      return await runCompanion(place, { plan: twin, program: companion }, deps);
    });
    return made;
  };
}
