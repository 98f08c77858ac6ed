/** What the gateway is told by the file that it is started with; `cloister up` writes it, the gateway proves it. */
export type GatewayConfig = {
  readonly format: 1;
  readonly listen: {
    /** Where the UI and tools ask; absent where only the socket is served. */
    readonly tcp?: { readonly host: string; readonly port: number };
    /** Unix socket for the host. */
    readonly socket: string;
  };
  /** llama-server's Unix socket. */
  readonly upstream: { readonly socket: string };
  /** The model that answers there. `sha256` as "sha256:<hex>". */
  readonly model: { readonly alias: string; readonly sha256: string };
  /** A second llama-server, which makes vectors of text; absent: the first is asked for them. Neither socket nor alias is the first's. */
  readonly embedding?: { readonly socket: string; readonly alias: string; readonly sha256: string };
  /** References with digests of the images that gateway and model run in. */
  readonly images: readonly string[];
  readonly log: {
    readonly folder: string;
    readonly mode: "request" | "strict" | "async";
    readonly content: "sealed" | "plain" | "session";
    /** age recipients; at least one where content is sealed, none elsewhere. */
    readonly recipients: readonly string[];
    /** IANA name of the zone whose midnight rotates the log. */
    readonly zone: string;
    readonly maxSegmentBytes: number;
    readonly retention: { readonly content: number | "session"; readonly ledger: number };
    /** Requests are refused while less than this is free on the log's file system. */
    readonly reserveBytes: number;
  };
  readonly keys: {
    /** Ed25519, PKCS #8 PEM: signs checkpoints. Made where it is missing. */
    readonly signing: string;
    /** 32 bytes in hex: makes pseudonyms. Made where it is missing. */
    readonly pepper: string;
    /** JSON list of {id, sha256}: clients that have a key. Absent: nobody is asked for one. */
    readonly clients?: string;
    /** The secret with which the UI signs its users' JWTs. */
    readonly uiJwt?: string;
  };
  /** Absent: no witness is asked. */
  readonly witness?: { readonly socket: string };
  readonly policy: {
    /** Names of llama-server's own routes (not OpenAI's or Anthropic's) that are let through. */
    readonly native: readonly string[];
    readonly maxBodyBytes: number;
    /** Origins that browsers may ask from; none means that no CORS header is ever sent. */
    readonly allowOrigins: readonly string[];
  };
};
