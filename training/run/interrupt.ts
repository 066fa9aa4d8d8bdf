/**
 * Ctrl-C: the first one stops the work at the next safe point, the second one ends the process immediately.
 */
import { onStopSignal } from '../../node/stop-signal.ts';
import type { Terminal } from '../../node/terminal.ts';

const ofTraining =
  'Stopping after this step; press Ctrl-C again to quit now and keep only the last checkpoint.';

/** Calls `stop` at the first signal, after it prints `text`. The result removes the signal handlers. */
export function onInterrupt(terminal: Terminal, stop: () => void, text = ofTraining): () => void {
  const first = () => {
    terminal.line(text);
    stop();
  };
  return onStopSignal(first, () => process.exit(130));
}
