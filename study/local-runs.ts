/** The runs of a study on this machine: a few processes at a time, each a run. One that fails leaves the others alone. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runFiles } from '../model/run-file.ts';
import type { TrainingConfig } from '../model/training-config.ts';
import { type RunChild, startRunChild } from './run-child.ts';
import type { Computing, RunEnd, RunProgress } from './run-message.ts';
import type { StudyRun } from './study-directory.ts';

export interface LocalSetting {
  readonly computing: Computing;
  /** Runs at a time. */
  readonly atOnce: number;
  readonly configOf: (run: StudyRun) => TrainingConfig;
  /** Content fingerprint of the data. */
  readonly content: string;
  readonly onBegun: (run: StudyRun) => void;
  readonly onProgress: (run: StudyRun, progress: RunProgress) => void;
  /** Called after each run that ended, one call at a time. */
  readonly onEnd: (run: StudyRun, end: RunEnd) => Promise<void>;
}

/** Runs that are being trained, on this machine or on others. */
export interface RunsUnderWay {
  /** Resolves when all runs have ended; true where it was stopped before. */
  readonly ended: Promise<boolean>;
  /** Asks the runs under way to write a checkpoint and end; none begins after that. */
  stop(): void;
}

export function startLocalRuns(runs: readonly StudyRun[], setting: LocalSetting): RunsUnderWay {
  const underWay = new Set<RunChild>();
  const waiting = [...runs];
  let stopped = false;
  let recorded: Promise<void> = Promise.resolve();

  function stop(): void {
    stopped = true;
    for (const child of underWay) child.stop();
  }

  async function trainNext(): Promise<void> {
    for (let run = waiting.shift(); run !== undefined && !stopped; run = waiting.shift()) {
      const end = await trainOne(run);
      const ended = run;
      recorded = recorded.then(() => setting.onEnd(ended, end));
      await recorded;
    }
  }

  async function trainOne(run: StudyRun): Promise<RunEnd> {
    const { computing, content, configOf, onBegun, onProgress } = setting;
    onBegun(run);
    const order = { config: configOf(run), directory: run.directory, content, computing };
    const child = startRunChild(order, (message) => {
      if (message.kind === 'progress') onProgress(run, message);
    });
    underWay.add(child);
    const end = await child.ended;
    underWay.delete(child);
    // Its model and its report stay; a finished run has nothing to resume.
    if (end.kind === 'finished')
      await rm(join(run.directory, runFiles.checkpoints), { recursive: true, force: true });
    return end;
  }

  async function trainAll(): Promise<boolean> {
    const trained = Array.from({ length: setting.atOnce }, trainNext);
    try {
      await Promise.all(trained);
    } catch (error) {
      // A failure to write the record, such as a full disk, ends the study: no run continues unrecorded.
      stop();
      await Promise.allSettled(trained);
      throw error;
    }
    return stopped;
  }

  return { ended: trainAll(), stop };
}
