import { isIP } from "node:net";
import { AppError } from "../../shared/errors.ts";
import type { Target } from "./plan.ts";

/**
 * Where nothing may get through: addresses reserved for documentation, so that not even a hole in the seal reaches anybody, and the
 * link-local address under which clouds hand out credentials.
 */
export const RESERVED_TARGETS: readonly Target[] = [
  { protocol: "tcp", address: "192.0.2.10", port: 443, given: false },
  { protocol: "tcp", address: "198.51.100.10", port: 80, given: false },
  { protocol: "tcp", address: "203.0.113.10", port: 53, given: false },
  { protocol: "udp", address: "203.0.113.10", port: 53, given: false },
  { protocol: "udp", address: "198.51.100.10", port: 443, given: false },
  { protocol: "tcp", address: "169.254.169.254", port: 80, given: false },
  { protocol: "tcp", address: "2001:db8::10", port: 443, given: false },
  { protocol: "udp", address: "2001:db8::10", port: 53, given: false },
];

/** "ADDRESS:PORT", "[ADDRESS]:PORT", "udp:…", "tcp:…". Throws AppError TARGET_INVALID (usage). */
export function parseTarget(text: string): Target {
  const [, protocol = "tcp", inBrackets, plain, digits] =
    /^(?:(tcp|udp):)?(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text) ?? [];
  const address = inBrackets ?? plain ?? "";
  const port = Number(digits);
  const version = isIP(address);
  const isPlaced = version === (inBrackets === undefined ? 4 : 6) && port >= 1 && port <= 65_535;
  if (isPlaced && (protocol === "tcp" || protocol === "udp")) return { protocol, address, port, given: true };
  throw new AppError(
    { class: "usage", code: "TARGET_INVALID" },
    `Cannot use target ${JSON.stringify(text)}: expected ADDRESS:PORT, [ADDRESS]:PORT, or the same after "udp:"`,
    { hint: "An address and not a name: whether names resolve is another check" },
  );
}
