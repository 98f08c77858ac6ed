/** Every peer once a round, each round beginning with the next one, so that what disturbs the machine disturbs all of them alike. */
export async function interleave<P, R>(
  peers: readonly P[],
  rounds: number,
  measure: (peer: P, round: number) => Promise<R>,
): Promise<ReadonlyMap<P, readonly R[]>> {
  const results = new Map<P, R[]>(peers.map((peer) => [peer, []]));
  for (let round = -1; round < rounds; round += 1) {
    const start = (round + 1) % peers.length;
    for (const peer of [...peers.slice(start), ...peers.slice(0, start)]) {
      const result = await measure(peer, round);
      // The first round warms up.
      if (round >= 0) results.get(peer)?.push(result);
    }
  }
  return results;
}
