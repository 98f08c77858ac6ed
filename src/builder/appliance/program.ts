import { PROGRAM_MODE } from "../format.ts";
import { bytesMember, type ApplianceMember } from "./member.ts";

/** Finds itself through links: an operator may put one into the search path. */
const LAUNCHER = `#!/bin/sh
self=$(readlink -f -- "$0") || exit 1
bin=\${self%/*}
exec "$bin/node" "$bin/cloister.mjs" "$@"
`;

/** bin/cloister and what it runs with bin/node, nothing of the host but a kernel and a shell; and what an auditor takes along. */
export function programMembers(bundle: string, verifier: string): readonly ApplianceMember[] {
  return [
    bytesMember("bin/cloister", LAUNCHER, PROGRAM_MODE),
    bytesMember("bin/cloister.mjs", bundle),
    bytesMember("bin/log-verify.mjs", verifier),
  ];
}
