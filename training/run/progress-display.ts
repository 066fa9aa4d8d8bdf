/** Formats the progress and outcome of training: a bar on a terminal, plain lines elsewhere. */
import { join } from 'node:path';
import { type Divergence, explosionFactor } from '../../model/divergence.ts';
import { duration } from '../../model/format.ts';
import type { MetricsRow } from '../../model/metrics.ts';
import { type Run, runFiles } from '../../model/run-file.ts';
import { guessingScores, topFive } from '../../model/scores.ts';
import { counted, oneLine } from '../../model/words.ts';
import { commandText } from '../../node/shell.ts';
import { progressBar, type Terminal } from '../../node/terminal.ts';
import type { LoaderTimes } from '../data/data-loader.ts';
import type { Dataset } from '../data/dataset.ts';
import { generatedSource } from '../data/generated.ts';
import type { StepReport, TrainingOutcome } from './loop.ts';

export interface ProgressDisplay {
  stepped(step: StepReport): void;
  epochEnded(history: readonly MetricsRow[]): void;
}

/** A first step that took longer than this is explained. */
const slowFirstStepMs = 2000;

interface Progressing {
  readonly epochs: number;
  readonly classes: number;
  /** The engine's. */
  readonly device: string;
}

/** A line for each epoch, below headings. `now` in ms. */
export function progressDisplay(
  terminal: Terminal,
  { epochs, classes, device }: Progressing,
  now = () => performance.now(),
): ProgressDisplay {
  const epochWidth = String(epochs).length;
  let columns: readonly EpochColumn[] | undefined;
  const openedAt = now();
  let stepsSeen = 0;
  let startedAt: number | undefined;

  function stepped({ epoch, step, stepsPerEpoch, scores, imagesPerSecond }: StepReport): void {
    if (startedAt === undefined) {
      startedAt = now();
      const firstStepMs = startedAt - openedAt;
      if (device !== 'cpu' && firstStepMs > slowFirstStepMs) {
        terminal.line(
          `The first step took ${(firstStepMs / 1000).toFixed(1)} s: the GPU's libraries load and choose kernels. ` +
            'The rate of the first epoch includes it.',
        );
      }
    }
    const secondsPerStep = stepsSeen === 0 ? undefined : (now() - startedAt) / 1000 / stepsSeen;
    stepsSeen++;
    const stepsLeft = (epochs - epoch + 1) * stepsPerEpoch - step;
    const left = secondsPerStep === undefined ? '' : `, ${duration(stepsLeft * secondsPerStep)} left`;
    terminal.status(
      `epoch ${String(epoch).padStart(epochWidth)}/${epochs} ${progressBar(step / stepsPerEpoch, 24)} ` +
        `loss ${scores.objective.toFixed(3)}  ${imagesPerSecond.toFixed(0)} img/s${left}`,
    );
  }

  function epochEnded(history: readonly MetricsRow[]): void {
    const validation = history.findLast(({ split }) => split === 'val');
    const train = history.findLast(({ split }) => split === 'train');
    if (train === undefined) return;
    const rows = { train, validation: validation?.epoch === train.epoch ? validation : undefined };
    const line = (epoch: string, cells: readonly string[]) =>
      terminal.line(`${epoch.padStart(Math.max(5, 2 * epochWidth + 1))}   ${cells.join('  ')}`);
    if (columns === undefined) {
      columns = epochColumns(rows, classes);
      line(
        'epoch',
        columns.map(({ heading }) => heading),
      );
    }
    line(
      `${train.epoch}/${epochs}`,
      columns.map(({ heading, cell }) => cell(rows).padStart(heading.length)),
    );
  }

  return { stepped, epochEnded };
}

interface EpochRows {
  readonly train: MetricsRow;
  /** Undefined for an epoch without validation. */
  readonly validation: MetricsRow | undefined;
}

interface EpochColumn {
  readonly heading: string;
  readonly cell: (rows: EpochRows) => string;
}

/** At most 80 columns wide for 99 epochs. */
function epochColumns({ validation }: EpochRows, classes: number): readonly EpochColumn[] {
  const score = (value: number | undefined) => value?.toFixed(3) ?? '';
  // Both are equal if all classes have the same number of patches.
  const { top1err, balanced_top1err: balanced = top1err } = validation ?? {};
  return [
    { heading: 'training loss', cell: ({ train }) => score(train.objective) },
    { heading: 'error', cell: ({ train }) => score(train.top1err) },
    { heading: 'validation loss', cell: (rows) => score(rows.validation?.objective) },
    { heading: 'error', cell: (rows) => score(rows.validation?.top1err) },
    ...(balanced === top1err
      ? []
      : [{ heading: 'balanced', cell: (rows: EpochRows) => score(rows.validation?.balanced_top1err) }]),
    // With fewer classes the top five include every class.
    ...(classes > topFive
      ? [{ heading: 'top-5', cell: (rows: EpochRows) => score(rows.validation?.top5err) }]
      : []),
    { heading: 'img/s', cell: ({ train }) => train.images_per_second.toFixed(0) },
  ];
}

/** Empty if both are equal, as they are whenever all classes have the same number of patches. */
function balancedText(balanced: number | undefined, top1err: number): string {
  return balanced === undefined || balanced === top1err ? '' : ` (balanced ${balanced.toFixed(3)})`;
}

/** Summary, notes and skipped files of a dataset. run.json and the report have all of them, uncut. */
export function dataText({ source, labels, train, validation, skipped, notes }: Dataset): string {
  const lines = [
    `Data: ${oneLine(source)}: ${counted(labels.length, 'class', 'classes')}, ` +
      `${train.length} training and ${counted(validation.length, 'validation image')}`,
    ...(source === generatedSource ? ['  generated textures; --data FOLDER trains on your photographs'] : []),
    ...firstLines(notes, '  '),
  ];
  if (skipped.length > 0) {
    lines.push(`  ${counted(skipped.length, 'file was', 'files were')} skipped:`);
    lines.push(
      ...firstLines(
        skipped.map(({ name, why }) => `${name}: ${why}`),
        '    ',
      ),
    );
  }
  return lines.join('\n');
}

const shownLines = 10;
const shownCharacters = 400;

function firstLines(lines: readonly string[], indent: string): readonly string[] {
  const shown = lines
    .slice(0, shownLines)
    .map(oneLine)
    .map((line) => (line.length > shownCharacters ? `${line.slice(0, shownCharacters)}...` : line));
  const more = lines.length > shownLines ? [`and ${lines.length - shownLines} more, all in run.json`] : [];
  return [...shown, ...more].map((line) => `${indent}${line}`);
}

/** How fast the loader workers make patches, and how long the engine waited for them. */
export function ratesText({ patches, collateMs, waitingMs }: LoaderTimes): string {
  const rate = (patches / collateMs) * 1000;
  return (
    `  data loader: ${rate.toFixed(0)} img/s per worker; ` +
    `the engine waited ${(waitingMs / 1000).toFixed(2)} s in total for ${counted(patches, 'patch', 'patches')}`
  );
}

export function tf32Text(difference: number): string {
  return [
    'TensorFloat-32 is enabled by NVIDIA_TF32_OVERRIDE: probabilities differ by up to ' +
      `${difference.toExponential(1)} from float32.`,
    'The export check compares with float32.',
  ].join('\n');
}

/** Set in the environment of quickstart's steps: the next command is its next step. */
export const quickstartVariable = 'TEXTURA_QUICKSTART';

/** How a run ended, and the next command. */
export function outcomeText(
  outcome: TrainingOutcome,
  directory: string,
  best: Run['best'],
  classes: number,
  {
    resumeCommand = commandText('train', '--out', directory, '--resume'),
    isFold = false,
  }: { readonly resumeCommand?: string | undefined; readonly isFold?: boolean } = {},
): string {
  const report = `Report: ${oneLine(join(directory, runFiles.report))}`;
  const result = bestText(best, classes, isFold ? 'Last' : 'Best');
  switch (outcome.status) {
    case 'finished':
      return [
        `${outcome.endedEarly ? 'Stopped early: the validation error no longer improves. ' : ''}${result}`,
        report,
        // A fold is trained to measure the error; the network for use is trained without --folds.
        ...(isFold || process.env[quickstartVariable]
          ? []
          : [`Next:   ${commandText('export', '--run', directory)}`]),
      ].join('\n');
    case 'diverged':
      return [
        `diverged at epoch ${outcome.epoch}: ${divergenceReason(outcome.kind, classes)}. ${result}`,
        `Try a lower --learning-rate first. ${report}`,
      ].join('\n');
    case 'stopped':
      return `stopped in epoch ${outcome.epoch}. Resume with: ${resumeCommand}`;
    default:
      return outcome satisfies never;
  }
}

function divergenceReason(kind: Divergence['kind'], classes: number): string {
  const guessing = guessingScores(classes).objective.toFixed(3);
  return kind === 'not finite'
    ? 'the loss became NaN or infinite'
    : `the loss rose above ${explosionFactor} times that of guessing (${guessing}) and stayed above guessing`;
}

function bestText(best: Run['best'], classes: number, which: 'Best' | 'Last'): string {
  if (best === undefined) return 'No epoch was completed, so there is no model.';
  const photographs =
    best.photographTop1err === undefined ? '' : `, of photographs ${best.photographTop1err.toFixed(3)}`;
  const balanced = balancedText(best.balancedTop1err, best.top1err);
  const guessing = guessingScores(classes).top1err;
  const warning =
    (best.balancedTop1err ?? best.top1err) < guessing - 1e-9
      ? ''
      : ` This is no better than guessing (${guessing.toFixed(3)}).`;
  return `${which} epoch ${best.epoch}: validation top-1 error ${best.top1err.toFixed(3)}${balanced} of patches${photographs}.${warning}`;
}
