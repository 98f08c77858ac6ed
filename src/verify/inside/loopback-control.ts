/** What the suite itself opens on loopback, to show that its probes get through where something answers. */
import { createSocket } from "node:dgram";
import { answerAsControl } from "./control-answer.ts";
import { openListener } from "./listener.ts";

export type LoopbackControl = {
  readonly tcpPort: number;
  readonly udpPort: number;
  close(): Promise<void>;
};

export const LOOPBACK = "127.0.0.1";

/** A TCP listener, and a UDP responder that answers each DNS query for an address with CONTROL_ANSWER. */
export async function openLoopbackControl(): Promise<LoopbackControl> {
  const tcp = await openListener(LOOPBACK);
  const udp = createSocket("udp4");
  udp.on("message", (query, from) => {
    const answer = answerAsControl(query);
    if (answer !== undefined) udp.send(answer, from.port, from.address);
  });
  await new Promise<void>((resolve) => udp.bind(0, LOOPBACK, resolve));
  return {
    tcpPort: tcp.port,
    udpPort: udp.address().port,
    close: async () => {
      await tcp.close();
      await new Promise<void>((resolve) => udp.close(resolve));
    },
  };
}
