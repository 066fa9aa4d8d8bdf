/** The study report's last part: every run, what all have in common, how it was computed, and what to do next. */
import type { TrainingConfig } from '../../model/training-config.ts';
import { npmRun } from '../../node/shell.ts';
import { html, type Markup, nothing } from '../../report/markup.ts';
import { measure } from '../../report/numerals.ts';
import { type Column, command, section, type TableRow, table } from '../../report/page-parts.ts';
import { settingsTable } from '../../report/settings-table.ts';
import { outcomeKinds, tally } from './outcome.ts';
import type { StudyResults, StudyRunResults } from './study-results.ts';
import { displayName, oneSeedCaveat } from './study-words.ts';

export function runsSection({ arms, study }: StudyResults): Markup {
  const columns: readonly Column[] = [
    { heading: 'network', kind: 'text' },
    ...study.seeds.map((seed): Column => ({ heading: `seed ${seed}`, kind: 'text' })),
  ];
  const rows = arms.map(({ arm, runs }): TableRow => ({ cells: [displayName(arm), ...runs.map(runCell)] }));
  const reasons = arms
    .flatMap(({ runs }) => runs)
    .filter(({ outcome }) => outcome.reason !== undefined)
    .map(({ name, outcome }) => html`<p class="after alarm">${name}: ${outcome.reason ?? ''}</p>`);
  const entry = html`<p>${tally(arms.flatMap(({ runs }) => runs.map(({ outcome }) => outcome)))}.</p>
${table('Every run', columns, rows)}${reasons}
<p class="after">A run that diverged counts with the model that it left, or, where it left none, as guessing. Runs that failed or are missing count nowhere; a pair that lacks one run is left out.</p>`;
  return section(
    'Every run',
    'Validation top-1 error of the epoch that was kept, and how the run ended.',
    entry,
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
    'The settings',
    `Of all runs alike; recipe "${study.recipe}". Those that are not the default are tinted.`,
    settingsTable(study.config, keys),
  );
}

export function methodSection({ study }: StudyResults): Markup {
  const oneSeed = study.seeds.length > 1 ? nothing : html`<p><b>${oneSeedCaveat}</b></p>`;
  return section(
    'How it was computed',
    'With the same seed all networks saw the same split, the same patches in the same order, and the same initial values in the layers that they share.',
    html`${oneSeed}<p>The unit is the photograph, because patches of one photograph are not independent. The variance of a mean is B/S + C: B is the sample variance of the S seeds' means, C the covariance that seeds have through the photographs they share. Intervals are the middle 95 % of 20,000 replicates, in which photographs are resampled within the scatter of their classes (Owen and Eckles 2012) and the seeds, too few to be resampled (Hesterberg 2015), are drawn from Student's t with S − 1 degrees of freedom; a replicate deviates at least half as far as its photographs alone make it, because a few seeds can agree by luck.</p>
<p>p-values are two-sided and paired: the two networks' answers to a photograph are exchanged at random, studentised (Chung and Romano 2013), with the seeds' part drawn as in the intervals; Holm's correction (1979) is over all networks of the study. The interquartile mean and the chance to do better are those of Agarwal et al. (2021), with photographs as tasks. On simulated studies without any difference, intervals of 3 and 5 seeds hold the truth in 95 to 97 % of cases.</p>
<p>The numbers speak of other seeds and of other photographs of these classes to validate on. All seeds train on photographs of one pool: what other photographs to train on would change is not in them (Nadeau and Bengio 2003).</p>`,
  );
}

export function nextSection({ study }: StudyResults, path: string): Markup {
  return section(
    'What next',
    '',
    html`<p>To add seeds or networks, or to go on where it stopped; only what is missing is trained:</p>
${command(npmRun('ablate', '--out', path, '--seeds', String(study.seeds.length + 2), '--resume'))}<p>To write the best run of each network as ONNX files that are proved to compute the same:</p>
${command(npmRun('export', '--study', path))}`,
  );
}
