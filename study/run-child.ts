/** Starting the process of a run, following it, and stopping it. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type RunEnd, type RunMessage, type RunOrder, runMessageSchema } from './run-message.ts';

const program = fileURLToPath(new URL('./run-process.ts', import.meta.url));

export interface RunChild {
  /** How the run ended; a process that dies without a word has failed. */
  readonly ended: Promise<RunEnd>;
  /** Asks the run to write a checkpoint and end. */
  stop(): void;
}

export function startRunChild(order: RunOrder, onMessage: (message: RunMessage) => void): RunChild {
  // Detached: Ctrl-C reaches the study's process alone, which then asks each run once.
  const child = fork(program, [JSON.stringify(order)], {
    execArgv: ['--import', import.meta.resolve('tsx')],
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-4000);
  });
  let end: RunEnd | undefined;
  let isStopping = false;
  child.on('message', (raw) => {
    const message = runMessageSchema.parse(raw);
    if (message.kind === 'end') end = message.end;
    onMessage(message);
  });
  const ended = new Promise<RunEnd>((resolve) => {
    child.on('error', (error) => resolve(failed(error.message)));
    child.on('close', (status, signal) =>
      resolve(end ?? (isStopping ? { kind: 'stopped' } : failed(deathText(status, signal, complaint)))),
    );
  });
  return {
    ended,
    stop() {
      isStopping = true;
      child.kill('SIGINT');
    },
  };
}

function failed(message: string): RunEnd {
  return { kind: 'failed', failure: { code: 'internal', message } };
}

function deathText(status: number | null, signal: string | null, complaint: string): string {
  const how = signal === null ? `with status ${status}` : `by ${signal}`;
  const hint = signal === 'SIGKILL' ? ', perhaps for want of memory' : '';
  return [`its process was ended ${how}${hint}`, complaint.trim()].filter(Boolean).join(':\n');
}
