/** Formats the progress and outcome of training: a bar on a terminal, plain lines elsewhere. */
import { join } from 'node:path';
import { type Divergence, explosionFactor, guessingLoss } from '../../model/divergence.ts';
import { duration } from '../../model/format.ts';
import type { MetricsRow } from '../../model/metrics.ts';
import { type Run, runFiles } from '../../model/run-file.ts';
import { topFiveNote } from '../../model/scores.ts';
import { counted, oneLine } from '../../model/words.ts';
import { commandText } from '../../node/shell.ts';
import { progressBar, type Terminal } from '../../node/terminal.ts';
import type { LoaderTimes } from '../data/data-loader.ts';
import type { Dataset } from '../data/dataset.ts';
import type { StepReport, TrainingOutcome } from './loop.ts';

interface ProgressDisplay {
  stepped(step: StepReport): void;
  epochEnded(history: readonly MetricsRow[]): void;
}

/** A first step that took longer than this is explained. */
const slowFirstStepMs = 2000;

/** `device` is the engine's; `now` in ms. */
export function progressDisplay(
  terminal: Terminal,
  epochs: number,
  device = 'cpu',
  now = () => performance.now(),
): ProgressDisplay {
  const epochWidth = String(epochs).length;
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
    const parts = [
      `epoch ${String(train.epoch).padStart(epochWidth)}/${epochs}`,
      `train ${scoreText(train)}`,
      ...(validation?.epoch === train.epoch ? [`val ${scoreText(validation)}`] : []),
      `${train.images_per_second.toFixed(0)} img/s`,
    ];
    terminal.line(parts.join('   '));
  }

  return { stepped, epochEnded };
}

function scoreText({ objective, top1err, top5err, balanced_top1err }: MetricsRow): string {
  const balanced = balancedText(balanced_top1err, top1err);
  return `loss ${objective.toFixed(3)} top-1 error ${top1err.toFixed(3)}${balanced} top-5 ${top5err.toFixed(3)}`;
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
    ...firstLines(notes, '  '),
  ];
  const note = topFiveNote(labels.length);
  if (note !== undefined) lines.push(`  ${note}`);
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

/** How a run ended, and the next command. */
export function outcomeText(
  outcome: TrainingOutcome,
  directory: string,
  best: Run['best'],
  classes: number,
): string {
  const report = `Report: ${oneLine(join(directory, runFiles.report))}`;
  switch (outcome.status) {
    case 'finished':
      return [
        `${outcome.endedEarly ? 'Stopped early: the validation error no longer improves. ' : ''}${bestText(best, classes)}`,
        report,
        `Next:   ${commandText('export', '--run', directory)}`,
      ].join('\n');
    case 'diverged':
      return [
        `diverged at epoch ${outcome.epoch}: ${divergedText(outcome.kind, classes)}. ${bestText(best, classes)}`,
        `Try a lower --learning-rate first. ${report}`,
      ].join('\n');
    case 'stopped':
      return `stopped in epoch ${outcome.epoch}. Resume with: ${commandText('train', '--out', directory, '--resume')}`;
    default:
      return outcome satisfies never;
  }
}

function divergedText(kind: Divergence['kind'], classes: number): string {
  const guessing = guessingLoss(classes).toFixed(3);
  return kind === 'not finite'
    ? 'the loss became NaN or infinite'
    : `the loss rose above ${explosionFactor} times that of guessing (${guessing}) and stayed above guessing`;
}

function bestText(best: Run['best'], classes: number): string {
  if (best === undefined) return 'No epoch was completed, so there is no model.';
  const photographs =
    best.photographTop1err === undefined ? '' : `, of photographs ${best.photographTop1err.toFixed(3)}`;
  const balanced = balancedText(best.balancedTop1err, best.top1err);
  const guessing = 1 - 1 / classes;
  const warning =
    (best.balancedTop1err ?? best.top1err) < guessing - 1e-9
      ? ''
      : ` This is no better than guessing (${guessing.toFixed(3)}).`;
  return `Best epoch ${best.epoch}: validation top-1 error ${best.top1err.toFixed(3)}${balanced} of patches${photographs}.${warning}`;
}
