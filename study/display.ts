/** The terminal output of a study: a table of the plan, then the progress of all runs and the time left. */
import { bytes, count, duration, textTable } from '../model/format.ts';
import { enginesText, type Run } from '../model/run-file.ts';
import { progressBar, type Terminal } from '../node/terminal.ts';
import type { ArmEstimate } from './estimate.ts';
import { type StudyRun, studyRunState } from './study-directory.ts';
import type { RunEnd, RunProgress } from './trainer.ts';

const headings = ['network', 'parameters', 'multiply-adds', 'memory', 'time per run', 'runs left'] as const;

/**
 * The plan as text: a row for each network. If it is wider than `width` columns, it lacks the multiply-adds,
 * which the report shows, too, then also the memory.
 */
export function planTable(estimates: readonly ArmEstimate[], width: number): string {
  const rows = estimates.map(({ arm, parameters, multiplyAdds, memoryBytes, runSeconds, runsLeft }) => [
    arm.name,
    count(parameters),
    count(multiplyAdds),
    bytes(memoryBytes),
    runsLeft === 0 ? '' : runSeconds === undefined ? 'unknown' : duration(runSeconds),
    count(runsLeft),
  ]);
  const without = (left: readonly string[]) => {
    const shown = (_: string, column: number) => !left.includes(headings[column] ?? '');
    return textTable(
      headings.filter(shown),
      rows.map((row) => row.filter(shown)),
      1,
    );
  };
  const tables = [[], ['multiply-adds'], ['multiply-adds', 'memory']].map(without);
  return tables.find((table) => table.indexOf('\n') <= width) ?? tables.at(-1) ?? '';
}

export interface StudyDisplay {
  started(run: StudyRun): void;
  progressed(run: StudyRun, progress: RunProgress): void;
  ended(run: StudyRun, end: RunEnd): Promise<void>;
}

interface StudyDisplayOptions {
  /** Number of all runs, and of those that are done. */
  readonly total: number;
  readonly done: number;
  /** `runsLeft` add up to the runs that are not done. */
  readonly estimates: readonly ArmEstimate[];
  readonly parallelRuns: number;
}

/** A progress bar, if the output is a terminal, and a line for each run that ends. */
export function studyDisplay(
  terminal: Terminal,
  { total, done, estimates, parallelRuns }: StudyDisplayOptions,
): StudyDisplay {
  const weights = new Map(estimates.map(({ arm, runSeconds }) => [arm.name, runSeconds ?? 1]));
  const weightOf = ({ arm }: StudyRun) => weights.get(arm.name) ?? 1;
  const running = new Map<string, { readonly run: StudyRun; share: number; text: string }>();
  const allWork = estimates.reduce((sum, { runsLeft, runSeconds }) => sum + runsLeft * (runSeconds ?? 1), 0);
  const startedAt = performance.now();
  let engines = '';
  let endedRuns = done;
  let endedWork = 0;

  function workDone(): number {
    return [...running.values()].reduce((sum, { run, share }) => sum + share * weightOf(run), endedWork);
  }

  /** From the speed so far; at first from the estimate. */
  function timeLeft(): number {
    const elapsed = (performance.now() - startedAt) / 1000;
    const share = workDone() / allWork;
    const expected = allWork / parallelRuns;
    return share < 0.02 ? expected * (1 - share) : (elapsed / share) * (1 - share);
  }

  function show(): void {
    const share = done / total;
    const whole = share + (1 - share) * (allWork === 0 ? 1 : workDone() / allWork);
    const runs = [...running.values()].map(({ text }) => text).join('; ');
    terminal.status(
      `${progressBar(whole, 16)} ${endedRuns}/${total} runs, ${duration(timeLeft())} left: ${runs}`,
    );
  }

  return {
    started(run) {
      running.set(run.name, { run, share: 0, text: run.name });
      show();
    },
    progressed(run, { epoch, share, imagesPerSecond }) {
      const text = `${run.name} epoch ${epoch} ${imagesPerSecond.toFixed(0)} img/s`;
      running.set(run.name, { run, share, text });
      show();
    },
    async ended(run, end) {
      running.delete(run.name);
      if (end.kind === 'stopped') return;
      endedWork += weightOf(run);
      const number = String(++endedRuns).padStart(String(total).length);
      const record = end.kind === 'failed' ? undefined : await recordOf(run);
      terminal.line(`${number}/${total} ${run.name}: ${endText(end, record)}`);
      // Not repeated for each run.
      const own = record === undefined ? engines : enginesText(record);
      if (own !== engines) terminal.line(`Trained by ${own}.`);
      engines = own;
    },
  };
}

async function recordOf(run: StudyRun): Promise<Run | undefined> {
  const state = await studyRunState({ failures: {} }, run);
  return 'run' in state ? state.run : undefined;
}

function endText(end: RunEnd, record: Run | undefined): string {
  if (end.kind === 'failed') return `failed: ${end.failure.message}`;
  if (record === undefined) return end.kind;
  const { best, divergedAtEpoch } = record;
  const score = best === undefined ? 'no epoch completed' : `top-1 error ${best.top1err.toFixed(3)}`;
  const how = divergedAtEpoch === undefined ? '' : `diverged at epoch ${divergedAtEpoch}; `;
  return `${how}${score}`;
}
