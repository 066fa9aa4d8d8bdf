/**
 * The process of one run of a study. A run has a process of its own, so that one that dies of memory takes no other with it, and
 * that what a runtime leaks goes with it. Where the study's process dies, this one ends at once: its checkpoint is on disk.
 */
import { TexturaError } from '../model/error.ts';
import { trainRun } from '../training/run/train-run.ts';
import { type RunEnd, type RunMessage, runOrderSchema } from './run-message.ts';

const silent = { line: () => {}, status: () => {}, clear: () => {}, isInteractive: false };

/** A process of a study that was killed ends after its step; until then it holds the lock of its run. */
const orphanMs = 60_000;

function tell(message: RunMessage): void {
  process.send?.(message);
}

async function obey(orderText: string): Promise<RunEnd> {
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
          tell({ kind: 'progress', epoch, share, imagesPerSecond });
        },
      },
    });
    return { kind: 'finished' };
  } catch (error) {
    return endOf(error);
  }
}

function endOf(error: unknown): RunEnd {
  if (!(error instanceof TexturaError)) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { kind: 'failed', failure: { code: 'internal', message } };
  }
  const { code, message } = error;
  if (code === 'diverged') return { kind: 'diverged' };
  if (code === 'interrupted') return { kind: 'stopped' };
  return { kind: 'failed', failure: { code, message } };
}

process.on('disconnect', () => process.exit(130));
tell({ kind: 'end', end: await obey(process.argv[2] ?? '') });
process.disconnect?.();
