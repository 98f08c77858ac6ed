/** The programs that answer for the Internet: DNS, HTTP, TLS, QUIC's first packet, and an echo. */
import { createSocket, type RemoteInfo } from "node:dgram";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer, type Socket } from "node:net";
import { listenAt } from "../../shared/listen.ts";
import { OUTSIDE_UPLINK, OUTSIDE_V4, OUTSIDE_V6, PORTS } from "../addresses.ts";
import { noncesIn, type OutsideEvent } from "../event.ts";
import { serverNameOfRecords } from "./client-hello.ts";
import { answerAsOutside } from "./dns.ts";
import { readInitial } from "./quic.ts";

export type Log = (event: OutsideEvent) => void;

const ADDRESSES = [...OUTSIDE_V4, OUTSIDE_UPLINK.v4, ...OUTSIDE_V6, OUTSIDE_UPLINK.v6];
const LIMIT_BYTES = 1 << 16;

/** Resolves when every one of them listens. None of them keeps the process alive by itself. */
export async function startReceivers(
  tls: { readonly key: string; readonly cert: string },
  log: Log,
): Promise<void> {
  const http = createHttpServer((request, response) =>
    answerHttp({ request, response, receiver: "http" }, log),
  );
  const https = createHttpsServer(tls, (request, response) =>
    answerHttp({ request, response, receiver: "https" }, log),
  );
  const starts: Promise<unknown>[] = [];
  for (const address of ADDRESSES) {
    starts.push(listenUdp(address, PORTS.dns, (from, data) => answerDns(log, { from, data, to: address })));
    starts.push(listenUdp(address, PORTS.tls, (from, data) => noteQuic(log, { from, data, to: address })));
    starts.push(
      listenUdp(address, PORTS.echo, (from, data) =>
        noteEcho(log, { from, data, to: address, protocol: "udp" }),
      ),
    );
    starts.push(listenTcp(address, PORTS.dns, (socket) => serveDns(socket, log)));
    starts.push(listenTcp(address, PORTS.http, (socket) => http.emit("connection", socket)));
    starts.push(
      listenTcp(address, PORTS.tls, (socket) => {
        noteTls(socket, log, () => https.emit("connection", socket));
      }),
    );
    starts.push(listenTcp(address, PORTS.echo, (socket) => serveEcho(socket, log)));
  }
  await Promise.all(starts);
}

function answerHttp(
  {
    request,
    response,
    receiver,
  }: { request: IncomingMessage; response: ServerResponse; receiver: "http" | "https" },
  log: Log,
): void {
  const { socket } = request;
  const head = [`${request.method ?? ""} ${request.url ?? ""}`, ...request.rawHeaders].join("\n");
  let body = "";
  request.on("data", (chunk: Buffer) => {
    if (body.length < LIMIT_BYTES) body += chunk.toString("latin1");
  });
  request.on("end", () => {
    log({
      receiver,
      protocol: "tcp",
      ...peersOf(socket),
      bytes: head.length + body.length,
      ...(request.headers.host === undefined ? {} : { name: request.headers.host }),
      nonces: noncesIn(head + body),
    });
    response.end("outside\n");
  });
}

type Datagram = { readonly from: string; readonly to: string; readonly data: Buffer };

function answerDns(log: Log, query: Datagram): Buffer | undefined {
  const answered = answerAsOutside(query.data);
  const name = answered === undefined ? {} : { name: answered.name };
  const { from, to, data } = query;
  log({
    receiver: "dns",
    protocol: "udp",
    from,
    to,
    port: PORTS.dns,
    bytes: data.length,
    ...name,
    nonces: noncesIn(data),
  });
  return answered?.message;
}

/** Over TCP each message has its length before it (RFC 1035 section 4.2.2). */
function serveDns(socket: Socket, log: Log): void {
  let pending = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]).subarray(0, LIMIT_BYTES);
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const query = pending.subarray(2, 2 + pending.readUInt16BE(0));
      pending = pending.subarray(2 + query.length);
      const answered = answerAsOutside(query);
      const name = answered === undefined ? {} : { name: answered.name };
      log({
        receiver: "dns",
        protocol: "tcp",
        ...peersOf(socket),
        bytes: query.length,
        ...name,
        nonces: noncesIn(query),
      });
      if (answered === undefined) continue;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answered.message.length);
      socket.write(Buffer.concat([length, answered.message]));
    }
  });
}

/** Looks at the first bytes, also of a handshake that the other side then breaks off, and leaves them to the TLS server. */
function noteTls(socket: Socket, log: Log, proceed: () => void): void {
  socket.once("readable", () => {
    const hello: unknown = socket.read();
    if (!Buffer.isBuffer(hello)) return;
    const name = serverNameOfRecords(hello);
    const named = name === undefined ? {} : { name };
    const nonces = noncesIn(name ?? hello);
    log({ receiver: "tls", protocol: "tcp", ...peersOf(socket), bytes: hello.length, ...named, nonces });
    socket.unshift(hello);
    proceed();
  });
}

/** Nothing is answered: the packet that asks is what there is to see. */
function noteQuic(log: Log, { from, to, data }: Datagram): undefined {
  const name = readInitial(data)?.serverName;
  const named = name === undefined ? {} : { name };
  const nonces = [...noncesIn(data), ...(name === undefined ? [] : noncesIn(name))];
  log({ receiver: "quic", protocol: "udp", from, to, port: PORTS.tls, bytes: data.length, ...named, nonces });
}

function noteEcho(log: Log, datagram: Datagram & { readonly protocol: string }): Buffer {
  const { from, to, data, protocol } = datagram;
  log({ receiver: "echo", protocol, from, to, port: PORTS.echo, bytes: data.length, nonces: noncesIn(data) });
  return data;
}

function serveEcho(socket: Socket, log: Log): void {
  socket.on("data", (data: Buffer) => {
    const { from, to } = peersOf(socket);
    socket.write(noteEcho(log, { from, to, data, protocol: "tcp" }));
  });
}

function peersOf(socket: Socket): { readonly from: string; readonly to: string; readonly port: number } {
  return { from: socket.remoteAddress ?? "", to: socket.localAddress ?? "", port: socket.localPort ?? 0 };
}

function listenTcp(address: string, port: number, take: (socket: Socket) => void): Promise<void> {
  const server = createServer((socket) => {
    // Whoever breaks off was seen; that is all there is to do here.
    socket.on("error", () => socket.destroy());
    take(socket);
  });
  server.unref();
  return listenAt(server, { port, host: address });
}

function listenUdp(
  address: string,
  port: number,
  take: (from: string, data: Buffer) => Buffer | undefined,
): Promise<void> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.on("message", (data: Buffer, from: RemoteInfo) => {
    const answer = take(from.address, data);
    if (answer !== undefined) socket.send(answer, from.port, from.address);
  });
  socket.unref();
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(port, address, resolve);
  });
}
