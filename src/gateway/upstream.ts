/** The llama-servers behind the gateway, and which of them a route asks. */
import { Pool, type Dispatcher } from "undici";
import type { AnswerKind } from "./reassemble/reassembly.ts";
import type { Accounts } from "./watch/reconcile.ts";

export type Upstream = {
  /** The one model's name that is taken for it. */
  readonly alias: string;
  readonly socketPath: string;
  /** What it counted against what the log has of it. */
  readonly accounts: Accounts;
  readonly dispatch: (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) => void;
  /** A request for it is under way until what this returns is called. */
  readonly enter: () => () => void;
  readonly activity: () => Activity;
  /** Lets it go; what is still under way ends with an error. */
  readonly close: () => Promise<void>;
};

/** Requests under way, and how many there have ever been. */
export type Activity = { readonly inFlight: number; readonly begun: number };

export type Upstreams = {
  /** Answers everything that no other is there for. */
  readonly main: Upstream;
  /** Makes vectors of text; without it `main` is asked for them. */
  readonly embedding?: Upstream;
};

export function openUpstream({
  socketPath,
  ...upstream
}: Pick<Upstream, "alias" | "socketPath" | "accounts">): Upstream {
  // Local models think for minutes: how long an answer may take is its client's to say.
  const pool = new Pool("http://llama", { socketPath, headersTimeout: 0, bodyTimeout: 0 });
  let begun = 0;
  let inFlight = 0;
  return {
    ...upstream,
    socketPath,
    dispatch: (options, handler) => void pool.dispatch(options, handler),
    enter: () => {
      begun += 1;
      inFlight += 1;
      return () => {
        inFlight -= 1;
      };
    },
    activity: () => ({ inFlight, begun }),
    close: async () => pool.destroy(),
  };
}

/** Reranking stays with `main`: a server does that or makes vectors, never both. */
export function upstreamFor(kind: AnswerKind, { main, embedding = main }: Upstreams): Upstream {
  return kind === "embeddings" ? embedding : main;
}

export function listUpstreams({ main, embedding }: Upstreams): readonly Upstream[] {
  return embedding === undefined ? [main] : [main, embedding];
}
