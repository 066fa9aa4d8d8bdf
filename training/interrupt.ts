/** Ctrl-C: the first asks the run to stop after its step, the second ends the process at once. */
import type { Terminal } from '../node/terminal.ts';

export interface Interrupt {
  readonly requested: () => boolean;
  /** Gives the signals back. */
  release(): void;
}

const signals = ['SIGINT', 'SIGTERM'] as const;

export function watchInterrupt(terminal: Terminal): Interrupt {
  let requested = false;
  const onSignal = () => {
    if (requested) process.exit(130);
    requested = true;
    terminal.line('Stopping after this step; press Ctrl-C again to end at once (the last checkpoint stays).');
  };
  for (const signal of signals) process.on(signal, onSignal);
  return {
    requested: () => requested,
    release: () => {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}
