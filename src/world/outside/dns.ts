/** A name server that knows every name: A, AAAA and TXT, all of them answered with the outside's own addresses. */
import { answerQuery, TYPES, type Answered } from "../../shared/dns.ts";
import { OUTSIDE_V4, WEB } from "../addresses.ts";

/** undefined for what is no query of one question. */
export function answerAsOutside(query: Buffer): Answered | undefined {
  return answerQuery(query, dataOf);
}

function dataOf(type: number): Buffer | undefined {
  switch (type) {
    case TYPES.a:
      return Buffer.from(WEB.v4.split(".").map(Number));
    case TYPES.aaaa:
      return Buffer.from("20010db8000000020000000000000080", "hex");
    case TYPES.txt:
      return Buffer.concat([Buffer.of(OUTSIDE_V4[0].length), Buffer.from(OUTSIDE_V4[0])]);
    default:
      return undefined;
  }
}
