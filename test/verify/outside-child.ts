/** Plays the Internet at one address: takes TCP on port 80, answers DNS queries on UDP port 53. */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { answerQuery } from "../../src/verify/inside/dns-message.ts";

const address = process.argv[2] ?? "";
createServer((socket) => void socket.on("error", () => socket.destroy()).end()).listen(80, address);
const dns = createSocket("udp4");
dns.on("message", (query, from) => {
  const answer = answerQuery(query);
  if (answer !== undefined) dns.send(answer, from.port, from.address);
});
dns.bind(53, address);
