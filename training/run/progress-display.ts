/** Training as a person follows it: a bar with rate and time left on a terminal, plain lines elsewhere. */
import { join } from 'node:path';
import { type Divergence, explosionFactor, guessingLoss } from '../../model/divergence.ts';
import type { MetricsRow } from '../../model/metrics.ts';
import { type Run, runFiles } from '../../model/run-file.ts';
import { topFiveNote } from '../../model/scores.ts';
import { counted, oneLine } from '../../model/words.ts';
import { npmRun } from '../../node/shell.ts';
import { durationText, progressBar, type Terminal } from '../../node/terminal.ts';
import type { BatchTimes } from '../data/batches.ts';
import type { Dataset } from '../data/dataset.ts';
import type { StepReport, TrainingOutcome } from './loop.ts';

export interface ProgressDisplay {
  stepped(step: StepReport): void;
  epochEnded(history: readonly MetricsRow[]): void;
}

export function progressDisplay(terminal: Terminal, epochs: number): ProgressDisplay {
  const epochWidth = String(epochs).length;
  let stepsSeen = 0;
  let startedAt: number | undefined;

  function stepped({ epoch, step, stepsPerEpoch, scores, imagesPerSecond }: StepReport): void {
    startedAt ??= performance.now();
    const secondsPerStep = stepsSeen === 0 ? undefined : (performance.now() - startedAt) / 1000 / stepsSeen;
    stepsSeen++;
    const stepsLeft = (epochs - epoch + 1) * stepsPerEpoch - step;
    const left = secondsPerStep === undefined ? '' : `, ${durationText(stepsLeft * secondsPerStep)} left`;
    terminal.status(
      `epoch ${String(epoch).padStart(epochWidth)}/${epochs} ${progressBar(step / stepsPerEpoch, 24)} ` +
        `objective ${scores.objective.toFixed(3)}  ${imagesPerSecond.toFixed(0)} img/s${left}`,
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
  return `objective ${objective.toFixed(3)} top-1 error ${top1err.toFixed(3)}${balanced} top-5 ${top5err.toFixed(3)}`;
}

/** Nothing where both are equal, as they always are where classes have equally many patches. */
function balancedText(balanced: number | undefined, top1err: number): string {
  return balanced === undefined || balanced === top1err ? '' : ` (balanced ${balanced.toFixed(3)})`;
}

/**
 * What was read, and what a person should know about it. What is cut here is whole in run.json and the
 * report.
 */
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

/** Both halves of the work: how fast threads make batches, and how long the engine stood waiting for them. */
export function ratesText({ patches, makingMs, waitingMs }: BatchTimes): string {
  const made = (patches / makingMs) * 1000;
  return `  data: ${made.toFixed(0)} img/s a thread; the engine waited ${(waitingMs / 1000).toFixed(2)} s in all for ${counted(patches, 'patch', 'patches')}`;
}

/** How far an engine that computes in TensorFloat-32 is off. */
export function tf32Text(difference: number): string {
  return [
    `TensorFloat-32 is on, as NVIDIA_TF32_OVERRIDE asks: probabilities differ by up to ${difference.toExponential(1)} from those in`,
    'float32. The export compares with the latter.',
  ].join('\n');
}

/** How a run ended and what to do next. */
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
        `${outcome.endedEarly ? 'Ended early: no better epoch in sight. ' : ''}${bestText(best, classes)}`,
        report,
        `Next:   ${npmRun('export', '--run', directory)}`,
      ].join('\n');
    case 'diverged':
      return [
        `diverged at epoch ${outcome.epoch}: ${divergedText(outcome.kind, classes)}. ${bestText(best, classes)}`,
        `Try a lower --learning-rate first. ${report}`,
      ].join('\n');
    case 'stopped':
      return `stopped in epoch ${outcome.epoch}. Resume with: ${npmRun('train', '--out', directory, '--resume')}`;
    default:
      return outcome satisfies never;
  }
}

function divergedText(kind: Divergence['kind'], classes: number): string {
  const guessing = guessingLoss(classes).toFixed(3);
  return kind === 'not finite'
    ? 'the loss became NaN or infinite'
    : `the loss exploded, to more than ${explosionFactor} times that of guessing (${guessing}), and stayed above guessing`;
}

function bestText(best: Run['best'], classes: number): string {
  if (best === undefined) return 'No epoch was completed, so no model was kept.';
  const photographs =
    best.photographTop1err === undefined ? '' : `, of whole photographs ${best.photographTop1err.toFixed(3)}`;
  const balanced = balancedText(best.balancedTop1err, best.top1err);
  const guessing = 1 - 1 / classes;
  const verdict =
    (best.balancedTop1err ?? best.top1err) < guessing - 1e-9
      ? ''
      : ` That is no better than guessing (${guessing.toFixed(3)}).`;
  return `Kept epoch ${best.epoch}: validation top-1 error ${best.top1err.toFixed(3)}${balanced} of patches${photographs}.${verdict}`;
}
