/** The result and the course of a run in words, for a reader who knows no error measures. */
import type { Run } from '../../model/run-file.ts';
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

export function headlineOf({ run, metrics }: RunRecord): Headline {
  const { best, labels } = run;
  if (best === undefined) return withoutResult(run);
  const unseen = metrics.some(({ split }) => split === 'val');
  const from = unseen ? 'of photographs it was not trained on' : 'like those it was trained on';
  const { of, wrong } = wrongOf(best.top1err);
  const classes = labels.length;
  const meaning = [
    `Top-1 error ${measure(best.top1err)}, objective ${measure(best.objective)}, after epoch ${best.epoch}. Guessing among ${count(classes)} classes names ${percent(1 - 1 / classes)} wrong.`,
  ];
  if (classes > 5) {
    meaning.push(`Top-5 error ${measure(best.top5err)}: ${amongFirstFive(best.top5err)}`);
  }
  if (best.balancedTop1err !== undefined && best.balancedTop1err !== best.top1err) {
    meaning.push(
      `Balanced error ${measure(best.balancedTop1err)}: the mean over the classes of each class's error, so that a small class counts as much as a large one. The epoch was chosen by it.`,
    );
  }
  if (best.photographTop1err !== undefined) {
    meaning.push(photographsOf(best.photographTop1err, run.data.validationImages));
  }
  if (!unseen) {
    meaning.push('No photographs were held out, so how it does on new ones is not known from this run.');
  }
  return {
    sentence: `Of ${count(of)} patches ${from}, ${wrong} named wrong.`,
    meaning,
    wrongOfHundred: of === 100 ? Math.round(best.top1err * 100) : undefined,
  };
}

function withoutResult(run: Run): Headline {
  const sentence =
    run.status === 'diverged'
      ? 'It did not train: no epoch was finished.'
      : 'No epoch has been finished yet.';
  return { sentence, meaning: [], wrongOfHundred: undefined };
}

/** `Of 100 patches`, and how many of them; an error below one in a hundred is told of a thousand. */
function wrongOf(error: number): { readonly of: number; readonly wrong: string } {
  if (error === 0) return { of: 100, wrong: 'none is' };
  const of = error < 0.01 ? 1000 : 100;
  const wrong = Math.round(error * of);
  if (wrong === 0) return { of, wrong: 'fewer than 1 is' };
  return { of, wrong: wrong === 1 ? '1 is' : `${wrong} are` };
}

function photographsOf(error: number, photographs: number): string {
  const wrong = Math.round(error * photographs);
  const are = wrong === 1 ? '1 is' : `${count(wrong)} are`;
  return `Asked for whole photographs, it averages over their patches: of the ${count(photographs)} held out, ${are} named wrong (error ${measure(error)}).`;
}

function amongFirstFive(error: number): string {
  const missing = Math.round(error * 100);
  if (error === 0) return 'the right name is always among the first five.';
  return missing === 0
    ? 'the right name is nearly always among the first five.'
    : `of 100 patches, ${missing} ${missing === 1 ? 'does' : 'do'} not have the right name among the first five.`;
}

/** How the run ended, in a sentence or two. */
export function courseOf({ run, metrics }: RunRecord): string {
  const done = metrics.reduce((last, { epoch }) => Math.max(last, epoch), 0);
  const { epochs, patience } = run.config;
  switch (run.status) {
    case 'running':
      return `The run is under way, or was killed: ${done} of ${epochs} epochs are written down. It can be resumed.`;
    case 'stopped':
      return `The run was stopped after ${done} of ${epochs} epochs. It can be resumed.`;
    case 'diverged':
      return `The objective was not finite in epoch ${run.divergedAtEpoch ?? done}, which ended the run. ${keptAfterDivergence(run)}`;
    case 'finished':
      return done < epochs && patience !== undefined
        ? `The run stopped early, after ${done} of ${epochs} epochs: ${patience} in a row brought no better validation error.`
        : `The run finished ${epochs === 1 ? 'its one epoch' : `all of its ${epochs} epochs`}.`;
    default:
      return run.status satisfies never;
  }
}

function keptAfterDivergence({ best }: Run): string {
  return best === undefined
    ? 'No model was kept. A lower learning rate is the first thing to try.'
    : `The model of epoch ${best.epoch} was kept. A lower learning rate is the first thing to try.`;
}
