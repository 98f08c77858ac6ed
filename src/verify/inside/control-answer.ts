import { answerQuery, TYPES } from "../../shared/dns.ts";

/** From the block for documentation: nobody's address. */
export const CONTROL_ANSWER = "192.0.2.77";

/** CONTROL_ANSWER for a query of an A record, an empty answer for another type; undefined for what is no query. */
export function answerAsControl(query: Buffer): Buffer | undefined {
  const data = Buffer.from(CONTROL_ANSWER.split(".").map(Number));
  return answerQuery(query, (type) => (type === TYPES.a ? data : undefined))?.message;
}
