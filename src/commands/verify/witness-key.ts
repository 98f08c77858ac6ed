import { join } from "node:path";
import { auditFolder } from "../../appliance/state.ts";
import { COSIGNATURE, readKey, signerOf } from "../../audit/notes/keys.ts";
import { WITNESS_NAME } from "../../witness/serve.ts";

/** The verifier key of this host's witness, from its own folder; undefined where there is none. */
export async function witnessKey(stateRoot: string): Promise<string | undefined> {
  const key = await readKey(join(auditFolder(stateRoot), "witness/witness.key"));
  return key === undefined ? undefined : signerOf(WITNESS_NAME, COSIGNATURE, key).vkey;
}
