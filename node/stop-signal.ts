/** Stop signals: Ctrl-C, `kill`, a supervisor. */
import { errorCodes } from '../model/error.ts';
import { type Terminal, terminalOn } from './terminal.ts';

const stopSignals = ['SIGINT', 'SIGTERM'] as const;

/**
 * One request may arrive twice: on Ctrl-C the terminal signals npm and this process, and npm forwards its
 * own; a supervisor signals every process of a group. Signals within this time are the same request.
 */
const sameRequestMs = 1000;

/**
 * Ends this process by a signal, after its `exit` listeners, which release locks. Not with `process.exit`, which
 * first terminates the threads: Node aborts if one of them starts to inflate a PNG.
 */
export function endBySignal(signal: NodeJS.Signals): void {
  process.emit('exit', errorCodes.interrupted.exit);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  // Linux does not deliver it to the first process of a container.
  process.exit(errorCodes.interrupted.exit);
}

interface Notice {
  readonly command: string;
  /** How to resume what a stop would interrupt now; undefined if there is nothing to resume. */
  text(): string | undefined;
}

const notices = new Set<Notice>();

/** What a stop signal would print now: the text of the last notice that has one. */
function innermostNotice(): { readonly command: string; readonly text: string } | undefined {
  const texts = Array.from(notices, ({ command, text }) => ({ command, text: text() }));
  return texts.findLast((notice): notice is { command: string; text: string } => notice.text !== undefined);
}

/** How to resume the command that a stop signal interrupts; undefined if there is nothing to resume. */
export function stopNotice(): string | undefined {
  return innermostNotice()?.text;
}

function exitUnlessHandled(signal: NodeJS.Signals): void {
  if (process.listeners(signal).some((listener) => listener !== exitUnlessHandled)) return;
  const notice = innermostNotice();
  if (notice !== undefined) terminalOn(process.stderr).line(`${notice.command}: ${notice.text}`);
  process.exit(errorCodes.interrupted.exit);
}

/**
 * Until the returned function is called, a stop signal that nothing else handles exits, after the text of the
 * last notice that has one is printed. Unlike the default action, an exit releases locks.
 */
export function exitOnStopSignal(command = '', text: Notice['text'] = () => undefined): () => void {
  const notice = { command, text };
  if (notices.size === 0) for (const signal of stopSignals) process.on(signal, exitUnlessHandled);
  notices.add(notice);
  return () => {
    notices.delete(notice);
    if (notices.size === 0) for (const signal of stopSignals) process.off(signal, exitUnlessHandled);
  };
}

/**
 * Calls `first` on the first request to stop, until the returned function is called. A second request ends the
 * process at once, after it calls `beforeEnd`.
 */
export function onStopSignal(
  first: (signal: NodeJS.Signals) => void,
  beforeEnd: () => void = () => {},
): () => void {
  let askedAt: number | undefined;
  const release = () => {
    for (const signal of stopSignals) process.off(signal, onSignal);
  };
  const onSignal = (signal: NodeJS.Signals) => {
    if (askedAt === undefined) {
      askedAt = performance.now();
      first(signal);
    } else if (performance.now() - askedAt > sameRequestMs) {
      beforeEnd();
      endBySignal(signal);
    }
  };
  for (const signal of stopSignals) process.on(signal, onSignal);
  return release;
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
    onStopSignal(resolve);
  });
}

const ofTraining =
  'Stopping after this step; press Ctrl-C again to quit now and keep only the last checkpoint.';

/**
 * Ctrl-C of a command that stops at the next safe point: prints `text` and calls `stop`. A second one ends
 * the process at once. The result removes the signal handlers.
 */
export function onInterrupt(terminal: Terminal, stop: () => void, text = ofTraining): () => void {
  const first = () => {
    terminal.line(text);
    stop();
  };
  return onStopSignal(first);
}
