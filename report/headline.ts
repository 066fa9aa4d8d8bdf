/** The result and the course of a run in words, for a reader who knows no error measures. */
import { divergenceOf, explosionFactor, guessingLoss } from '../model/divergence.ts';
import type { Run } from '../model/run-file.ts';
import { topFiveNote } from '../model/scores.ts';
import { counted } from '../model/words.ts';
import { totalScore } from './class-scores.ts';
import { count, measure, percent } from './numerals.ts';
import type { RunRecord } from './run-directory.ts';

export interface Headline {
  /** What was achieved, one sentence. */
  readonly sentence: string;
  /** What that means: against guessing, and among the first five. */
  readonly meaning: readonly string[];
  /** Of a hundred patches, how many are named wrong, for the picture; undefined where there is no such number. */
  readonly wrongOfHundred: number | undefined;
}

export function headlineOf({ run, metrics, confusion }: RunRecord): Headline {
  const { best, labels } = run;
  if (best === undefined) return withoutResult(run);
  const unseen = metrics.some(({ split }) => split === 'val');
  const from = unseen ? 'of photographs it was not trained on' : 'like those it was trained on';
  const patches = confusion === undefined ? undefined : totalScore(confusion).patches;
  const sample = sampleFor(best.top1err, patches);
  const classes = labels.length;
  const meaning = [
    `Top-1 error ${measure(best.top1err)}, objective ${measure(best.objective)}, after epoch ${best.epoch}. Guessing among ${count(classes)} classes names ${percent(1 - 1 / classes)} wrong.`,
  ];
  meaning.push(
    topFiveNote(classes) ?? `Top-5 error ${measure(best.top5err)}: ${amongFirstFive(best.top5err, patches)}`,
  );
  if (best.balancedTop1err !== undefined && best.balancedTop1err !== best.top1err) {
    meaning.push(
      `Balanced error ${measure(best.balancedTop1err)}: the mean over the classes of each class's error, so that a small class counts as much as a large one. The epoch was chosen by it.`,
    );
  }
  if (best.photographTop1err !== undefined) {
    meaning.push(photographsOf(best.photographTop1err, run.data.validationImages));
  }
  if (!unseen) {
    meaning.push('There were no validation photographs, so this run does not show how it does on new ones.');
  }
  return {
    sentence: `Of ${sample.words} ${from}, ${wrongWords(best.top1err, sample.size)} named wrong.`,
    meaning,
    wrongOfHundred: sample.words === hundred ? Math.round(best.top1err * 100) : undefined,
  };
}

function withoutResult(run: Run): Headline {
  const sentence =
    run.status === 'diverged'
      ? 'It did not train: no epoch was finished.'
      : 'No epoch has been finished yet.';
  return { sentence, meaning: [], wrongOfHundred: undefined };
}

const hundred = '100 patches';

/**
 * The patches in which an error is told: a hundred, for an error below one in a hundred a thousand, and where fewer were validated
 * those that were.
 */
function sampleFor(error: number, validated = Number.POSITIVE_INFINITY) {
  const size = error > 0 && error < 0.01 ? 1000 : 100;
  if (validated < size) return { size: validated, words: `the ${counted(validated, 'patch', 'patches')}` };
  return { size, words: size === 100 ? hundred : counted(size, 'patch', 'patches') };
}

function wrongWords(error: number, size: number): string {
  const wrong = Math.round(error * size);
  if (wrong === 0) return error === 0 ? 'none is' : 'fewer than 1 is';
  return wrong === 1 ? '1 is' : `${wrong} are`;
}

function photographsOf(error: number, photographs: number): string {
  const wrong = Math.round(error * photographs);
  const are = wrong === 1 ? '1 is' : `${count(wrong)} are`;
  return `Asked for whole photographs, it averages over their patches: of the ${count(photographs)} held out, ${are} named wrong (error ${measure(error)}).`;
}

function amongFirstFive(error: number, validated: number | undefined): string {
  const { size, words } = sampleFor(0, validated);
  const missing = Math.round(error * size);
  if (error === 0) return 'the right name is always among the first five.';
  return missing === 0
    ? 'the right name is nearly always among the first five.'
    : `of ${words}, ${missing} ${missing === 1 ? 'does' : 'do'} not have the right name among the first five.`;
}

/** How the run ended, in a sentence or two. */
export function courseOf(record: RunRecord): string {
  const { run, metrics } = record;
  const done = metrics.reduce((last, { epoch }) => Math.max(last, epoch), 0);
  const { epochs, patience } = run.config;
  switch (run.status) {
    case 'running':
      return `The run is under way, or was killed: ${done} of ${counted(epochs, 'epoch is', 'epochs are')} written down. It can be resumed.`;
    case 'stopped':
      return `The run was stopped after ${done} of ${counted(epochs, 'epoch')}. It can be resumed.`;
    case 'failed':
      return `The run failed after ${done} of ${counted(epochs, 'epoch')}. It can be resumed.`;
    case 'diverged':
      return `${divergedWords(record, done)} ${keptAfterDivergence(run)}`;
    case 'finished':
      return done < epochs && patience !== undefined
        ? `The run stopped early, after ${done} of ${counted(epochs, 'epoch')}: ${patience} in a row brought no better validation error.`
        : `The run finished ${epochs === 1 ? 'its one epoch' : `all of its ${epochs} epochs`}.`;
    default:
      return run.status satisfies never;
  }
}

function divergedWords({ run, metrics }: RunRecord, done: number): string {
  const epoch = run.divergedAtEpoch ?? done;
  const classes = run.labels.length;
  if (divergenceOf(metrics, classes)?.kind !== 'exploded')
    return `The loss was not a finite number in epoch ${epoch}, which ended the run.`;
  const guessing = measure(guessingLoss(classes));
  return `The loss exploded in epoch ${epoch}, to more than ${explosionFactor} times that of guessing (${guessing}), and stayed above guessing to the end.`;
}

function keptAfterDivergence({ best }: Run): string {
  return best === undefined
    ? 'No model was kept. A lower learning rate is the first thing to try.'
    : `The model of epoch ${best.epoch} was kept. A lower learning rate is the first thing to try.`;
}
