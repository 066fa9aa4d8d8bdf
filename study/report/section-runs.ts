/**
 * The study report's sections about how it was made: the runs, their settings, the method, and the next
 * steps.
 */

import { measure } from '../../model/format.ts';
import { groupBy } from '../../model/group-by.ts';
import { enginesText } from '../../model/run-file.ts';
import type { TrainingConfig } from '../../model/training-config.ts';
import { listed } from '../../model/words.ts';
import { commandText } from '../../node/shell.ts';
import { html, type Markup, nothing } from '../../report/markup.ts';
import { type Column, command, section, settingsTable, type TableRow, table } from '../../report/page.ts';
import { studiedNetworkOf } from '../families.ts';
import { outcomeKinds, type StudyResults, type StudyRunResults, tally } from './results.ts';
import { displayName, divergedShare, oneSeedCaveat } from './sentences.ts';

export function runsSection({ arms, study }: StudyResults): Markup {
  const columns: readonly Column[] = [
    { heading: 'network', kind: 'text' },
    ...study.seeds.map((seed): Column => ({ heading: `seed ${seed}`, kind: 'text' })),
    { heading: 'diverged', kind: 'text' },
  ];
  const rows = arms.map(
    ({ arm, runs }): TableRow => ({ cells: [displayName(arm), ...runs.map(runCell), divergedShare(runs)] }),
  );
  const reasons = arms
    .flatMap(({ runs }) => runs)
    .filter(({ outcome }) => outcome.reason !== undefined)
    .map(({ name, outcome }) => html`<p class="after alarm">${name}: ${outcome.reason ?? ''}</p>`);
  const engines = groupBy(
    arms.flatMap(({ runs }) => runs.flatMap(({ name, results }) => (results ? [{ name, results }] : []))),
    ({ results }) => enginesText(results.run),
  );
  const trained = [...engines].map(([text, runs], _, all) => {
    const names = all.length === 1 ? nothing : html`: ${listed(runs.map(({ name }) => name))}`;
    return html`<p class="after">Trained by ${text}${names}.</p>`;
  });
  const entry = html`<p>${tally(arms.flatMap(({ runs }) => runs.map(({ outcome }) => outcome)))}.</p>
${table('Runs', columns, rows)}${reasons}${trained}
<p class="after">A diverged run counts with its best model, or as guessing if it has none. Failed and missing runs do not count, and neither do pairs that lack a run. Brackets are the 95 % interval of the share of diverged runs (Clopper and Pearson 1934).</p>`;
  return section(
    'Runs',
    'Top-1 error of validation patches in the best epoch, and how the run ended.',
    entry,
  );
}

/** What the tuning of the learning rates tried, and what it chose. */
export function ratesSection({ study: { tuning, arms, seeds } }: StudyResults): Markup {
  if (tuning === undefined) return nothing;
  const columns: readonly Column[] = [
    { heading: 'network', kind: 'text' },
    ...tuning.rates.map((rate): Column => ({ heading: `rate ${rate}`, kind: 'number' })),
    { heading: 'chosen', kind: 'number' },
  ];
  const rows = arms.map((arm): TableRow => {
    const errors = tuning.errors[arm.name] ?? tuning.rates.map(() => undefined);
    const cells = errors.map((error) =>
      error === null ? 'diverged' : error === undefined ? '' : measure(error),
    );
    return { cells: [displayName(arm), ...cells, String(arm.learningRate ?? '')] };
  });
  return section(
    'Learning rates',
    `Top-1 error of each network with each rate, on seed ${tuning.seeds.join(', ')}, which is not among the reported seeds ${seeds.join(', ')}. Each network is trained with its best rate.`,
    table('Learning rates', columns, rows),
  );
}

function runCell({ outcome, results, link, name }: StudyRunResults): Markup {
  const best = results?.run.best;
  const number = best === undefined ? '' : measure(best.top1err);
  const words = outcome.kind === 'finished' && number !== '' ? '' : outcome.words;
  const text = [number, words].filter((part) => part !== '').join(', ');
  const isAlarming = outcomeKinds.indexOf(outcome.kind) >= outcomeKinds.indexOf('diverged');
  const content = link === undefined ? html`${text}` : html`<a href="${link}" title="${name}">${text}</a>`;
  return isAlarming ? html`<span class="alarm">${content}</span>` : content;
}

export function settingsSection({ study }: StudyResults): Markup {
  const keys = Object.keys(study.config) as (keyof TrainingConfig)[];
  return section(
    'Settings',
    `Of all runs; recipe "${study.recipe}". Settings that differ from the default recipe are tinted.`,
    settingsTable(study.config, keys, { variant: studiedNetworkOf(study.arms) }),
  );
}

export function methodSection({ study }: StudyResults): Markup {
  const oneSeed = study.seeds.length > 1 ? nothing : html`<p><b>${oneSeedCaveat}</b></p>`;
  return section(
    'Method',
    'With the same seed, all networks get the same split, the same patches in the same order, and the same initial values in shared layers.',
    html`${oneSeed}<p>The unit is the photograph, because patches of one photograph are not independent. The variance of a mean is B/S + C: B is the sample variance of the S seeds' means, C the covariance of seeds from the photographs that they share. Intervals are the middle 95 % of 20,000 replicates, in which photographs are resampled within their classes (Owen and Eckles 2012) and seeds, too few for resampling (Hesterberg 2015), are drawn from Student's t distribution with S − 1 degrees of freedom. A replicate deviates at least half as much as its photographs do without the seeds, because a few seeds can agree by chance.</p>
<p>p-values are two-sided and paired: the two networks' answers to a photograph are exchanged at random, studentised (Chung and Romano 2013), and the seeds' part is drawn as for the intervals. Holm's correction (1979) is over all networks of the study. A network is equivalent to the reference if the 95 % interval of its difference lies within ${study.marginPoints} points: two one-sided tests at the 2.5 % level (Schuirmann 1987), not corrected for the number of networks. The probability that the difference lies within the margin is the share of replicates in which it does (Kruschke 2018). The interquartile mean and "better on" (the probability of improvement) are those of Agarwal et al. (2021), with photographs as tasks. docs/study-method.md shows how often all this is right in simulated studies.</p>
<p>The intervals cover variation over seeds and over validation photographs of these classes, but not over training photographs, because all seeds train on photographs of one pool (Nadeau and Bengio 2003).</p>`,
  );
}

export function nextSection({ study }: StudyResults, path: string): Markup {
  return section(
    'Next steps',
    '',
    html`<p>To resume the study, or to add seeds or networks; only missing runs are trained:</p>
${command(commandText('ablate', '--out', path, '--seeds', String(study.seeds.length + 2), '--resume'))}<p>To export the best run of each network to verified ONNX files:</p>
${command(commandText('export', '--study', path))}`,
  );
}
