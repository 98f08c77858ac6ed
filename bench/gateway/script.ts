/**
 * What a client asks the stand-in of llama-server to answer stands in the first line of the last message, so that every gateway carries
 * it: `nonce=a1 tokens=50 interval=20 size=8`. The answer's text follows from it: whoever reads an answer knows whether it is whole.
 */
export type Script = {
  readonly nonce: string;
  readonly tokens: number;
  /** Milliseconds between two tokens; 0: as fast as they are taken. */
  readonly intervalMs: number;
  /** Length of one token's text. */
  readonly sizeBytes: number;
  /** After so many tokens the server is gone without a word; 0: never. */
  readonly dieAfter: number;
};

const PLAIN: Script = { nonce: "n", tokens: 16, intervalMs: 0, sizeBytes: 8, dieAfter: 0 };

export function encodeScript(script: Partial<Script>): string {
  const { nonce, tokens, intervalMs, sizeBytes, dieAfter } = { ...PLAIN, ...script };
  return `nonce=${nonce} tokens=${tokens} interval=${intervalMs} size=${sizeBytes} die=${dieAfter}`;
}

/** From any text: what it does not say is as in a short answer without pauses. */
export function parseScript(text: string): Script {
  const [line = ""] = text.split("\n");
  const words = new Map([...line.matchAll(/(\w+)=(\S+)/g)].map(([, name = "", value = ""]) => [name, value]));
  const number = (name: string, otherwise: number): number => Number(words.get(name) ?? otherwise);
  return {
    nonce: words.get("nonce") ?? PLAIN.nonce,
    tokens: number("tokens", PLAIN.tokens),
    intervalMs: number("interval", PLAIN.intervalMs),
    sizeBytes: number("size", PLAIN.sizeBytes),
    dieAfter: number("die", PLAIN.dieAfter),
  };
}

export function tokenText({ nonce, sizeBytes }: Script, index: number): string {
  return `${nonce}.${index}`.padEnd(sizeBytes - 1, "~").slice(0, Math.max(sizeBytes - 1, 1)) + " ";
}

export function answerText(script: Script): string {
  return Array.from({ length: script.tokens }, (_, index) => tokenText(script, index)).join("");
}
