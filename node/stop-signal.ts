/** Stop signals: Ctrl-C, `kill`, a supervisor. */
const signals = ['SIGINT', 'SIGTERM'] as const;

/**
 * One request may arrive twice: on Ctrl-C the terminal signals npm and this process, and npm forwards its
 * own; a supervisor signals every process of a group. Signals within this time are the same request.
 */
const sameRequestMs = 1000;

/**
 * Calls `first` on the first request to stop and `again` on each later one, until the returned function is
 * called.
 */
export function onStopSignal(
  first: (signal: NodeJS.Signals) => void,
  again: (signal: NodeJS.Signals) => void,
): () => void {
  let askedAt: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (askedAt !== undefined && performance.now() - askedAt > sameRequestMs) return again(signal);
    if (askedAt !== undefined) return;
    askedAt = performance.now();
    first(signal);
  };
  for (const signal of signals) process.on(signal, onSignal);
  return () => {
    for (const signal of signals) process.off(signal, onSignal);
  };
}

/** How long a process that has finished may be kept alive, by something that should have ended. */
const lingerMs = 5000;

/** At the end of a process that served: it exits by itself, or soon if something keeps it alive. */
export function exitSoon(): void {
  setTimeout(() => process.exit(), lingerMs).unref();
}

/** Resolves on the first request to stop. A second one ends the process at once. */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const release = onStopSignal(resolve, (signal) => {
      release();
      process.kill(process.pid, signal);
    });
  });
}
