/** Which containers a stack has, and what each of them must be. compose/ says the same to the engine; nobody takes its word for it. */
import type { ContainerDemands } from "../shared/engine/demands.ts";

export const TOPOLOGIES = ["internal", "none"] as const;
export type Topology = (typeof TOPOLOGIES)[number];

export type Service = "model" | "gateway" | "witness" | "pause";

export type StackContainer = {
  readonly service: Service;
  readonly container: string;
  /** The recipe of its image. */
  readonly image: "llama-cpp" | "gateway";
  readonly demands: ContainerDemands;
};

export const SEALED_NETWORK = "cloister-sealed";
/** Where the gateway listens: on its network, or on the loopback that it shares. */
export const GATEWAY_PORT = 8_080;

export const USERS = {
  model: { uid: 10_001, gid: 10_001 },
  gateway: { uid: 10_002, gid: 10_001 },
  witness: { uid: 10_003, gid: 10_001 },
  pause: { uid: 10_004, gid: 10_004 },
} as const satisfies Readonly<Record<Service, { readonly uid: number; readonly gid: number }>>;

/** Nobody listens there. */
const DNS = ["127.0.0.1"];

export function stackOf(topology: Topology): readonly StackContainer[] {
  const alone = { networks: ["none"], dns: DNS };
  const model = containerOf("model", "llama-cpp", alone);
  const witness = containerOf("witness", "gateway", alone);
  switch (topology) {
    case "internal":
      return [model, containerOf("gateway", "gateway", { networks: [SEALED_NETWORK], dns: DNS }), witness];
    case "none": {
      const gateway = containerOf("gateway", "gateway", {
        networks: [],
        dns: [],
        networkOf: nameOf("pause"),
      });
      return [model, gateway, witness, containerOf("pause", "gateway", alone)];
    }
  }
}

export function nameOf(service: Service): string {
  return `cloister-${service}`;
}

export function composeFileOf(topology: Topology): string {
  return topology === "internal" ? "compose/cloister.yaml" : "compose/cloister-none.yaml";
}

function containerOf(
  service: Service,
  image: StackContainer["image"],
  demands: Omit<ContainerDemands, "user">,
): StackContainer {
  const { uid, gid } = USERS[service];
  return { service, container: nameOf(service), image, demands: { ...demands, user: `${uid}:${gid}` } };
}
