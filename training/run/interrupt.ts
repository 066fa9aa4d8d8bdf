/** Ctrl-C: the first asks the work to stop at the next good place, the second ends the process at once. */
import { onStopSignal } from '../../node/stop-signal.ts';
import type { Terminal } from '../../node/terminal.ts';

export interface Interrupt {
  readonly requested: () => boolean;
  /** Gives the signals back. */
  release(): void;
}

export function watchInterrupt(terminal: Terminal): Interrupt {
  let requested = false;
  const release = onInterrupt(terminal, () => {
    requested = true;
  });
  return { requested: () => requested, release };
}

/** Calls `stop` at the first signal. Gives back a function that gives the signals back. */
export function onInterrupt(terminal: Terminal, stop: () => void): () => void {
  const first = () => {
    terminal.line('Stopping after this step; press Ctrl-C again to end at once (the last checkpoint stays).');
    stop();
  };
  return onStopSignal(first, () => process.exit(130));
}
