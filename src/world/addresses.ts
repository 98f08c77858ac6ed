/** Every address of the world: documentation ranges (RFC 5737, RFC 3849, RFC 2544), and the metadata address that clouds share. */
export const HOST_UPLINK = { v4: "203.0.113.2", v6: "2001:db8:0:1::2" } as const;
export const OUTSIDE_UPLINK = { v4: "203.0.113.1", v6: "2001:db8:0:1::1" } as const;

export const RESOLVER = "203.0.113.53";
export const WEB = { v4: "203.0.113.80", v6: "2001:db8:0:2::80" } as const;
export const OTHER_WEB = "198.51.100.80";
const METADATA = "169.254.169.254";

/** What the outside answers on. */
export const OUTSIDE_V4 = [RESOLVER, WEB.v4, OTHER_WEB, METADATA] as const;
export const OUTSIDE_V6 = [WEB.v6] as const;

/** What an engine in the world gives its bridges; the outside knows the way back to them, so that a leak is answered. */
export const ENGINE_BRIDGE = "192.0.2.1/26";
export const ENGINE_POOL = "198.18.0.0/16";
export const BEHIND_HOST_V4 = ["192.0.2.0/24", "198.18.0.0/15"] as const;
export const BEHIND_HOST_V6 = "2001:db8:0:100::/56";

export const PORTS = { dns: 53, http: 80, tls: 443, echo: 7000 } as const;
