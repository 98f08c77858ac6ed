/**
 * Runs in a container and speaks to the outside in every way, each with a nonce of its own; what comes of it is for the outside to
 * say. Arguments: the nonces by kind as JSON, and a QUIC packet in base64.
 */
import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { resolve4 } from "node:dns/promises";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { promisify } from "node:util";

const [nonces, packet]: readonly [Readonly<Record<string, string>>, string] = JSON.parse(
  process.argv[2] ?? "[]",
);
const WEB = "203.0.113.80";
const TIMEOUT_MS = 3_000;

const named = (kind: string): string => `n${nonces[kind]}.example`;
const http = (kind: string): string => `GET /n${nonces[kind]} HTTP/1.1\r\nHost: ${named(kind)}\r\n\r\n`;

const answers = await Promise.all([
  stream("http", connect(80, WEB), () => http("http")),
  stream("http6", connect(80, "2001:db8:0:2::80"), () => http("http6")),
  stream("metadata", connect(80, "169.254.169.254"), () => http("metadata")),
  stream(
    "tls",
    connectTls({ host: WEB, port: 443, servername: named("tls"), rejectUnauthorized: false }),
    () => http("https"),
  ),
  stream("dns-tcp", connect(53, "203.0.113.53"), () => {
    const message = query("dns-tcp");
    return Buffer.concat([Buffer.of(message.length >> 8, message.length & 0xff), message]);
  }),
  stream("tcp", connect(7_000, WEB), () => `n${nonces["tcp"]}`),
  datagram("udp", { port: 7_000, bytes: Buffer.from(`n${nonces["udp"]}`) }),
  datagram("dns-udp", { port: 53, bytes: query("dns-udp") }),
  datagram("quic", { port: 443, bytes: Buffer.from(packet, "base64") }),
  datagram("unlistened", { port: 9, bytes: Buffer.from(`n${nonces["unlistened"]}`) }),
  settle(
    "resolver",
    resolve4(named("resolver")).then(([address]) => address),
  ),
  raw("icmp", 1, "pack('CCnnna*', 8, 0, 0, 1, 1, $ARGV[0])"),
  raw("protocol", 253, "$ARGV[0]"),
]);
process.stdout.write(`${JSON.stringify(Object.fromEntries(answers))}\n`);
process.exitCode = 0;

type Answer = readonly [kind: string, answer: string];

async function settle(kind: string, answer: Promise<unknown>): Promise<Answer> {
  return [kind, await answer.then(String, (error: unknown) => `failed: ${String(error)}`)];
}

/** The first bytes of what comes back. */
function stream(kind: string, socket: Socket, say: () => string | Buffer): Promise<Answer> {
  const answer = new Promise<string>((resolve, reject) => {
    socket.once(kind === "tls" ? "secureConnect" : "connect", () => socket.write(say()));
    socket.once("data", (data: Buffer) => resolve(data.toString("latin1").slice(0, 12)));
    socket.once("error", reject);
    socket.setTimeout(TIMEOUT_MS, () => reject(new Error("timeout")));
  });
  return settle(
    kind,
    answer.finally(() => socket.destroy()),
  );
}

function datagram(kind: string, { port, bytes }: { port: number; bytes: Buffer }): Promise<Answer> {
  const socket = createSocket("udp4");
  const answer = new Promise<string>((resolve, reject) => {
    socket.once("message", (data) => resolve(data.toString("latin1").slice(0, 12)));
    socket.once("error", reject);
    socket.send(bytes, port, WEB);
    setTimeout(() => resolve("none"), TIMEOUT_MS);
  });
  return settle(
    kind,
    answer.finally(() => socket.close()),
  );
}

/** Node has no raw sockets; perl-base has. */
async function raw(kind: string, protocol: number, payload: string): Promise<Answer> {
  const program = `use Socket; socket(S, PF_INET, SOCK_RAW, ${protocol}) or die $!;
    my $p = ${payload};
    if (${protocol} == 1) {
      my $sum = 0; $sum += $_ for unpack('n*', length($p) % 2 ? "$p\\0" : $p);
      $sum = ($sum >> 16) + ($sum & 0xffff) while $sum >> 16;
      substr($p, 2, 2) = pack('n', ~$sum & 0xffff);
    }
    send(S, $p, 0, pack_sockaddr_in(0, inet_aton('${WEB}'))) or die $!;`;
  const sent = promisify(execFile)("/usr/bin/perl", ["-e", program, `n${nonces[kind]}`]);
  return settle(
    kind,
    sent.then(() => "sent"),
  );
}

function query(kind: string): Buffer {
  const labels = named(kind)
    .split(".")
    .map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]));
  const header = Buffer.from("434301000001000000000000", "hex");
  return Buffer.concat([header, ...labels, Buffer.of(0, 0, 1, 0, 1)]);
}
