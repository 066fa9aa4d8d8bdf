/**
 * The process of one run of a study. Each run has its own process, so that running out of memory ends only
 * that run, and memory that a runtime leaks is freed. If the study's process dies, this one ends at once: its
 * checkpoint is on disk.
 */
import { TexturaError, traceOf } from '../model/error.ts';
import { endBySignal } from '../node/stop-signal.ts';
import { trainRun } from '../training/run/train-run.ts';
import { type RunEnd, type RunMessage, runOrderSchema } from './trainer.ts';

const silent = { line: () => {}, status: () => {}, clear: () => {}, isInteractive: false, width: 80 };

/** How long to wait for the run's lock: the trainer of a killed study holds it until the end of its step. */
const orphanMs = 60_000;

function send(message: RunMessage): void {
  process.send?.(message);
}

async function trainOrder(orderText: string): Promise<RunEnd> {
  const { config, directory, computing, content } = runOrderSchema.parse(JSON.parse(orderText));
  try {
    await trainRun({
      config,
      given: new Set(Object.keys(config)),
      directory,
      resume: true,
      lockPatienceMs: orphanMs,
      ...computing,
      expectedContent: content,
      verbose: false,
      terminal: silent,
      hasOwnProcess: true,
      observer: {
        stepped({ epoch, step, stepsPerEpoch, imagesPerSecond }) {
          const share = (epoch - 1 + step / stepsPerEpoch) / config.epochs;
          send({ kind: 'progress', epoch, share, imagesPerSecond });
        },
      },
    });
    return { kind: 'finished' };
  } catch (error) {
    return endOf(error);
  }
}

function endOf(error: unknown): RunEnd {
  if (!(error instanceof TexturaError))
    return { kind: 'failed', failure: { code: 'internal', message: traceOf(error) } };
  const { code, message } = error;
  if (code === 'diverged') return { kind: 'diverged' };
  if (code === 'interrupted') return { kind: 'stopped' };
  return { kind: 'failed', failure: { code, message } };
}

process.on('disconnect', () => endBySignal('SIGTERM'));
send({ kind: 'end', end: await trainOrder(process.argv[2] ?? '') });
process.disconnect?.();
