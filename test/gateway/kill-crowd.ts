/** Clients that ask again and again, whatever happens to the gateway, and remember every answer as they saw it. */
import { setTimeout as sleep } from "node:timers/promises";
import { openConnection, type Connection } from "../../bench/gateway/connection.ts";
import { answerText, encodeScript, parseScript, type Script } from "../../bench/gateway/script.ts";
import { chatRequest, chatTarget } from "../../bench/gateway/target.ts";
import { createTokenClock } from "../../bench/gateway/token-clock.ts";

export type Ask = {
  readonly nonce: string;
  readonly stream: boolean;
  readonly beganAt: number;
  endedAt: number;
  /** 0 where the connection ended before there was one. */
  status: number;
  /** The answer's text as far as it came; the whole body where the answer was no completion. */
  seen: string;
  /** It ended in order, and so the client takes it for the whole answer. */
  whole: boolean;
  /** What the text should be once it is whole. */
  readonly expected: string;
};

export type Crowd = {
  readonly asks: readonly Ask[];
  /** Lets everyone finish what they wait for; resolves when all have. */
  stop(): Promise<void>;
};

export type CrowdOptions = {
  readonly port: number;
  readonly clients: number;
  readonly script: Partial<Script>;
  /** Begins every nonce, so that two crowds of one log are told apart. */
  readonly name: string;
};

/** How long somebody waits who was turned away. */
const PAUSE_MS = 20;

export function startCrowd(options: CrowdOptions): Crowd {
  const asks: Ask[] = [];
  const stopping = new AbortController();
  async function client(index: number): Promise<void> {
    const connection = openConnection(options.port);
    for (let turn = 0; !stopping.signal.aborted; turn += 1) {
      const nonce = `${options.name}-${index}-${turn}`;
      // Every fourth asks for the answer in one piece.
      const ask = begin({ ...options.script, nonce }, index % 4 !== 3);
      asks.push(ask);
      await put(connection, options, ask);
      if (!ask.whole) await sleep(PAUSE_MS);
    }
    connection.close();
  }
  const all = Promise.all(Array.from({ length: options.clients }, (_, index) => client(index)));
  return {
    asks,
    stop: async () => {
      stopping.abort();
      await all;
    },
  };
}

function begin(script: Partial<Script> & { readonly nonce: string }, stream: boolean): Ask {
  const expected = answerText(parseScript(encodeScript(script)));
  return {
    nonce: script.nonce,
    stream,
    beganAt: performance.now(),
    endedAt: Number.NaN,
    status: 0,
    seen: "",
    whole: false,
    expected,
  };
}

async function put(connection: Connection, options: CrowdOptions, ask: Ask): Promise<void> {
  const text = encodeScript({ ...options.script, nonce: ask.nonce });
  const request = chatRequest(chatTarget("gateway", options.port), { stream: ask.stream, text });
  const clock = createTokenClock();
  const parts: Buffer[] = [];
  const onBody = (bytes: Buffer): void => {
    clock.push(bytes);
    parts.push(bytes);
  };
  try {
    ask.status = (await connection.ask(request, onBody)).status;
    ask.whole = true;
  } catch {
    // Refused or broken off: what was seen until then is what counts.
    ask.status = parts.length > 0 ? 200 : 0;
  }
  ask.endedAt = performance.now();
  const body = Buffer.concat(parts).toString("utf8");
  const { text: tokens, ended } = clock.finish();
  if (ask.status !== 200) ask.seen = body;
  else if (ask.stream) ask.seen = tokens;
  else ask.seen = ask.whole ? contentOf(body) : "";
  ask.whole &&= ask.status === 200 && (ended || !ask.stream);
}

function contentOf(body: string): string {
  const answer: { readonly choices?: readonly { readonly message: { readonly content: string } }[] } =
    JSON.parse(body);
  return answer.choices?.[0]?.message.content ?? "";
}
