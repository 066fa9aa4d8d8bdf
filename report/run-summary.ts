/** The result and the status of a run in sentences, for readers who do not know the error measures. */
import { divergenceOf, explosionFactor } from '../model/divergence.ts';
import { count, measure, percent } from '../model/format.ts';
import type { Run } from '../model/run-file.ts';
import { guessingScores, topFiveNote } from '../model/scores.ts';
import { counted, numberIs } from '../model/words.ts';
import { totalScore } from './confusion.ts';
import type { RunRecord } from './run-directory.ts';

interface RunSummary {
  /** The result in one sentence. */
  readonly sentence: string;
  /** The measures, what they mean, and how guessing compares. */
  readonly meaning: readonly string[];
  /**
   * How many of 100 patches, with as many of each class, are misclassified, for the picture; undefined if
   * they are too few for it, or fewer patches were validated.
   */
  readonly wrongOfHundred: number | undefined;
}

export function summaryOf({ run, metrics, confusion }: RunRecord): RunSummary {
  const { best, labels } = run;
  if (best === undefined) return withoutResult(run);
  const unseen = metrics.some(({ split }) => split === 'val');
  const from = unseen
    ? 'of photographs that the network was not trained on'
    : 'like those that the network was trained on';
  const patches = confusion === undefined ? undefined : totalScore(confusion).patches;
  // With as many patches of each class both errors are the same.
  const balanced = best.balancedTop1err === best.top1err ? undefined : best.balancedTop1err;
  const sample = sampleFor(balanced ?? best.top1err, patches);
  const classes = labels.length;
  const meaning: string[] = [];
  if (balanced !== undefined) {
    // A fold keeps its last epoch.
    const choice = run.config.fold === undefined ? ' It decides which epoch is best.' : '';
    meaning.push(
      `Balanced error ${measure(balanced)}: the mean of the classes' errors, in which small and large classes count the same.${choice}`,
    );
  }
  meaning.push(
    `Top-1 error ${measure(best.top1err)}, loss ${measure(best.objective)}, after epoch ${best.epoch}. Guessing among ${count(classes)} classes has an error of ${percent(guessingScores(classes).top1err)}.`,
    topFiveNote(classes) ?? `Top-5 error ${measure(best.top5err)}: ${topFiveText(best.top5err, patches)}`,
  );
  if (best.photographTop1err !== undefined) {
    meaning.push(photographsText(best.photographTop1err, reportedImages(run)));
  }
  if (!unseen) {
    meaning.push('There were no validation photographs, so the error on new photographs is unknown.');
  }
  return {
    sentence:
      balanced === undefined
        ? `Of ${sample.text} ${from}, ${wrongText(best.top1err, sample.size)} misclassified.`
        : `Of patches ${from}, ${percent(balanced)} are misclassified if all classes count the same, ${percent(best.top1err)} if all patches do.`,
    meaning,
    wrongOfHundred: sample.text === hundred ? Math.round((balanced ?? best.top1err) * 100) : undefined,
  };
}

function withoutResult(run: Run): RunSummary {
  const sentence =
    run.status === 'diverged' ? 'Training failed: no epoch was finished.' : 'No epoch has been finished yet.';
  return { sentence, meaning: [], wrongOfHundred: undefined };
}

const hundred = '100 patches';

/**
 * How many patches a sentence counts in: 100, or 1000 if less than one in 100 is wrong, or all that were
 * validated if those are fewer.
 */
function sampleFor(error: number, validated = Number.POSITIVE_INFINITY) {
  const size = error > 0 && error < 0.01 ? 1000 : 100;
  if (validated < size) return { size: validated, text: `the ${counted(validated, 'patch', 'patches')}` };
  return { size, text: size === 100 ? hundred : counted(size, 'patch', 'patches') };
}

function wrongText(error: number, size: number): string {
  const wrong = Math.round(error * size);
  return wrong === 0 && error > 0 ? 'fewer than 1 is' : numberIs(wrong);
}

/** Photographs of the results. */
function reportedImages({ data: { validationImages, choosingImages = 0 } }: Run): number {
  return validationImages - choosingImages;
}

function photographsText(error: number, photographs: number): string {
  const wrong = Math.round(error * photographs);
  return `For a whole photograph, the logits of its patches are averaged: of the ${counted(photographs, 'validation photograph')}, ${numberIs(wrong)} misclassified (error ${measure(error)}).`;
}

function topFiveText(error: number, validated: number | undefined): string {
  const { size, text } = sampleFor(0, validated);
  const missing = Math.round(error * size);
  if (error === 0) return 'the true class is always among the five highest scores.';
  return missing === 0
    ? 'the true class is nearly always among the five highest scores.'
    : `of ${text}, ${missing} ${missing === 1 ? 'does' : 'do'} not have the true class among the five highest scores.`;
}

/** How the run ended. */
export function statusText(record: RunRecord): string {
  const { run, metrics } = record;
  const done = metrics.reduce((last, { epoch }) => Math.max(last, epoch), 0);
  const { epochs, patience } = run.config;
  switch (run.status) {
    case 'running':
      return `The run is in progress or was killed: ${done} of ${counted(epochs, 'epoch is', 'epochs are')} complete. It can be resumed.`;
    case 'stopped':
      return `The run was stopped after ${done} of ${counted(epochs, 'epoch')}. It can be resumed.`;
    case 'failed':
      return `The run failed after ${done} of ${counted(epochs, 'epoch')}. It can be resumed.`;
    case 'diverged':
      return `${divergedText(record, done)} ${bestModelText(run)}`;
    case 'finished':
      return done < epochs && patience !== undefined
        ? `The run stopped early, after ${done} of ${counted(epochs, 'epoch')}: the validation error did not improve for ${counted(patience, 'epoch')}.`
        : `The run finished ${epochs === 1 ? 'its one epoch' : `all of its ${epochs} epochs`}.`;
    default:
      return run.status satisfies never;
  }
}

function divergedText({ run, metrics }: RunRecord, done: number): string {
  const epoch = run.divergedAtEpoch ?? done;
  const classes = run.labels.length;
  if (divergenceOf(metrics, classes)?.kind !== 'exploded')
    return `The loss became infinite or not a number in epoch ${epoch}, which ended the run.`;
  const guessing = measure(guessingScores(classes).objective);
  return `The loss exploded in epoch ${epoch} to more than ${explosionFactor} times that of guessing (${guessing}) and stayed above guessing until the end.`;
}

function bestModelText({ best }: Run): string {
  return best === undefined
    ? 'There is no model. Try a lower learning rate.'
    : `The model is that of epoch ${best.epoch}. Try a lower learning rate.`;
}
