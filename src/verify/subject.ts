import type { ApplianceImage, ApplianceModel, ImageFile } from "../shared/appliance/manifest.ts";
import type { ContainerDemands } from "../shared/engine/demands.ts";
import type { Check } from "./check.ts";
import type { Target } from "./inside/plan.ts";

/** What is to be verified: one running release. Everything that is compared with comes from here. */
export type Stack = {
  readonly release: string;
  readonly services: readonly Subject[];
  /** Text of each compose file that the release is started with. */
  readonly compose: readonly string[];
  readonly companion: CompanionProgram;
  /** Folders of this host that only these containers may have: the socket in each leads to what is behind them. */
  readonly reserved: readonly { readonly folder: string; readonly containers: readonly string[] }[];
  /** What else there is to look at once every service was: what this run must have left in the audit log. */
  readonly after?: (asked: Asked) => Promise<readonly Check[]>;
};

/** How many completions were asked for and got, and how many requests were made that had to be refused. */
export type Asked = { readonly completions: number; readonly refusals: number };

/** One container of the stack. */
export type Subject = {
  /** What the stack calls it; stands before its checks where there are several. */
  readonly service: string;
  readonly container: string;
  readonly image: ApplianceImage;
  readonly files: readonly ImageFile[];
  /** What the container was to be made with. */
  readonly demands: ContainerDemands;
  /** The internal network that it is on; absent where it may have none. */
  readonly network?: string;
  readonly mounts: readonly { readonly path: string; readonly writable: boolean }[];
  /** The Unix socket that it listens on, as the host sees it. */
  readonly socketPath?: string;
  readonly model?: {
    readonly pinned: ApplianceModel;
    /** The model's file on this host. */
    readonly path: string;
  };
  /** Answers completions, over the socket and over TCP. */
  readonly server?: {
    readonly port: number;
    /** How the server names the model. */
    readonly alias: string;
    readonly pinned: ApplianceModel;
    /** A route that must be refused; absent where there is none to ask. */
    readonly denied?: string;
  };
};

/** What runs in the companion: a folder of this host that is mounted read-only at /opt/cloister, and a command in it. */
export type CompanionProgram = { readonly folder: string; readonly command: readonly string[] };

/** A network from which the given targets can be reached, named by the operator. */
export type OpenNetwork = { readonly name: string; readonly targets: readonly Target[] };
