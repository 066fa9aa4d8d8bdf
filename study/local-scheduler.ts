/**
 * Trains the runs of a study on this machine, a process for each run, several in parallel. A failed run does
 * not stop the others.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runFiles } from '../model/run-file.ts';
import type { TrainingConfig } from '../model/training-config.ts';
import type { StudyRun } from './study-directory.ts';
import {
  type Computing,
  type RunEnd,
  type RunProgress,
  startTrainer,
  type TrainerProcess,
} from './trainer.ts';

/** What a scheduler needs to know of the runs, and the calls by which it reports. */
export interface Schedule {
  readonly configOf: (run: StudyRun) => TrainingConfig;
  /** Content fingerprint that the data must have. */
  readonly content: string;
  readonly onStart: (run: StudyRun) => void;
  readonly onProgress: (run: StudyRun, progress: RunProgress) => void;
  /** Called for each run that ended, when its directory is on this machine. */
  readonly onEnd: (run: StudyRun, end: RunEnd) => Promise<void>;
}

interface LocalSchedule extends Schedule {
  readonly computing: Computing;
  readonly parallelRuns: number;
}

/** Runs in training, on this machine or on others. */
export interface ScheduledRuns {
  /** Resolves when all runs have ended; to true if they were stopped before. */
  readonly ended: Promise<boolean>;
  /** Asks the active runs to write a checkpoint and end; no other run starts. */
  stop(): void;
}

export function startLocalRuns(runs: readonly StudyRun[], schedule: LocalSchedule): ScheduledRuns {
  const active = new Set<TrainerProcess>();
  const waiting = [...runs];
  let stopped = false;

  function stop(): void {
    stopped = true;
    for (const child of active) child.stop();
  }

  async function trainNext(): Promise<void> {
    for (let run = waiting.shift(); run !== undefined && !stopped; run = waiting.shift()) {
      await schedule.onEnd(run, await trainOne(run));
    }
  }

  async function trainOne(run: StudyRun): Promise<RunEnd> {
    const { computing, content, configOf, onStart, onProgress } = schedule;
    onStart(run);
    const order = { config: configOf(run), directory: run.directory, content, computing };
    const child = startTrainer(order, (message) => {
      if (message.kind === 'progress') onProgress(run, message);
    });
    active.add(child);
    const end = await child.ended;
    active.delete(child);
    // Only checkpoints are removed: a finished run has nothing to resume.
    if (end.kind === 'finished')
      await rm(join(run.directory, runFiles.checkpoints), { recursive: true, force: true });
    return end;
  }

  async function trainAll(): Promise<boolean> {
    const trained = Array.from({ length: schedule.parallelRuns }, trainNext);
    try {
      await Promise.all(trained);
    } catch (error) {
      // If a record cannot be written, as on a full disk, the study ends: no run continues without a record.
      stop();
      await Promise.allSettled(trained);
      throw error;
    }
    return stopped;
  }

  return { ended: trainAll(), stop };
}
