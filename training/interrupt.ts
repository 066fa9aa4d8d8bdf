/** Ctrl-C: the first asks the work to stop at the next good place, the second ends the process at once. */
import type { Terminal } from '../node/terminal.ts';

export interface Interrupt {
  readonly requested: () => boolean;
  /** Gives the signals back. */
  release(): void;
}

const signals = ['SIGINT', 'SIGTERM'] as const;

export function watchInterrupt(terminal: Terminal): Interrupt {
  let requested = false;
  const release = onInterrupt(terminal, () => {
    requested = true;
  });
  return { requested: () => requested, release };
}

/** Calls `stop` at the first signal. Gives back a function that gives the signals back. */
export function onInterrupt(terminal: Terminal, stop: () => void): () => void {
  let requested = false;
  const onSignal = () => {
    if (requested) process.exit(130);
    requested = true;
    terminal.line('Stopping after this step; press Ctrl-C again to end at once (the last checkpoint stays).');
    stop();
  };
  for (const signal of signals) process.on(signal, onSignal);
  return () => {
    for (const signal of signals) process.off(signal, onSignal);
  };
}
