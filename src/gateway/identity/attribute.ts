/** Who asked, and how well that is known. */
import type { IncomingHttpHeaders } from "node:http";
import { pseudonym } from "../../audit/pseudonym.ts";
import type { Attribution } from "../../audit/record.ts";
import type { Refusal } from "../http/refusal.ts";
import { findClient, keyOf, type Client } from "./clients.ts";
import { verifyUiUser } from "./ui-user.ts";

export type IdentityOptions = {
  readonly pepper: Uint8Array;
  /** Absent: nobody is asked for a key. */
  readonly clients?: readonly Client[];
  /** Absent: no user's token is looked at. */
  readonly uiSecret?: Uint8Array;
};

export type Door = "tcp" | "socket";

const UNKNOWN_KEY: Refusal = {
  status: 401,
  code: "invalid_api_key",
  message: "The key is missing, or is nobody's",
};
const BAD_TOKEN: Refusal = {
  status: 401,
  code: "invalid_user_token",
  message: "The user's token is wrong or over",
};

export async function attribute(
  headers: IncomingHttpHeaders,
  door: Door,
  { pepper, clients, uiSecret }: IdentityOptions,
): Promise<Attribution | Refusal> {
  const key = keyOf(headers);
  const known = key === undefined || clients === undefined ? undefined : findClient(clients, key);
  // A key is asked for where there are any; whoever may open the host's socket needs none, but a wrong one is never overlooked.
  if (clients !== undefined && known === undefined && (door === "tcp" || key !== undefined))
    return UNKNOWN_KEY;
  const token = headers["x-openwebui-user-jwt"];
  const user =
    typeof token === "string" && uiSecret !== undefined ? await verifyUiUser(token, uiSecret) : undefined;
  if (token !== undefined && uiSecret !== undefined && user === undefined) return BAD_TOKEN;
  const chat = headers["x-openwebui-chat-id"];
  return {
    client: known?.id ?? (door === "socket" ? "host" : "anonymous"),
    strength:
      user !== undefined ? "jwt" : known !== undefined ? "key" : door === "socket" ? "socket" : "none",
    ...(user === undefined ? {} : { user: pseudonym(pepper, "user", user) }),
    // The chat's id is not signed: it groups what a known user asks, and proves nothing.
    ...(typeof chat === "string" && chat !== ""
      ? { conversation: pseudonym(pepper, "conversation", chat.slice(0, 200)) }
      : {}),
  };
}
