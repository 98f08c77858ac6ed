/** Does nothing: the process whose network namespace others share, so that none of those may be missed when it restarts. */
export async function pause(signal: AbortSignal): Promise<void> {
  // A timer keeps the process; the signal ends it.
  const timer = setInterval(() => undefined, 1 << 30);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  clearInterval(timer);
}
