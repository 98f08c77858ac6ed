import type { ApplianceImage, ApplianceModel, ImageFile } from "../shared/appliance/manifest.ts";
import type { ContainerDemands } from "../shared/engine/demands.ts";
import type { Target } from "./inside/plan.ts";

/** What is to be verified: one running release. Everything that is compared with comes from here. */
export type Subject = {
  readonly release: string;
  readonly image: ApplianceImage;
  readonly files: readonly ImageFile[];
  readonly model: ApplianceModel;
  /** The model's file on this host. */
  readonly modelPath: string;
  /** Text of the compose file that the release is started with. */
  readonly compose: string;
  readonly container: string;
  readonly network: string;
  /** What the container was to be made with. */
  readonly demands: ContainerDemands;
  /** The server's Unix socket as the host sees it. */
  readonly socketPath: string;
  readonly port: number;
  /** How the server names the model. */
  readonly alias: string;
  /** Names of every other container that may be on the network. */
  readonly neighbours: readonly string[];
  readonly mounts: readonly { readonly path: string; readonly writable: boolean }[];
  readonly companion: CompanionProgram;
};

/** What runs in the companion: a folder of this host that is mounted read-only at /opt/cloister, and a command in it. */
export type CompanionProgram = { readonly folder: string; readonly command: readonly string[] };

/** A network from which the given targets can be reached, named by the operator. */
export type OpenNetwork = { readonly name: string; readonly targets: readonly Target[] };
