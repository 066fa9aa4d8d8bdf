/** The study report's sections about the networks: curves, costs, classes and filters. */

import { bytes, count } from '../../model/format.ts';
import { topFiveNote } from '../../model/scores.ts';
import { medianOf } from '../../model/statistics/descriptive.ts';
import { svgElement } from '../../report/drawing.ts';
import { filtersStrip } from '../../report/filters-figure.ts';
import { html, type Markup, nothing, shortened } from '../../report/markup.ts';
import { type Column, scrolling, section, type TableRow, table } from '../../report/page.ts';
import { pagePalette } from '../../report/palette.ts';
import { type ClassChange, classChanges, classFigure } from './class-changes.ts';
import { networkCurves } from './network-curves.ts';
import type { ArmResults, StudyResults, StudyRunResults } from './results.ts';
import { ablations, networkCell, runLinks } from './section-findings.ts';
import { displayName, paperWords, signedPoints } from './sentences.ts';

export function curvesSection({ arms, labels }: StudyResults): Markup {
  const [reference] = arms;
  if (reference === undefined || labels === undefined) return nothing;
  const entry = arms.map((arm) => {
    const panels = networkCurves(arm, reference, labels.length, pagePalette);
    if (panels.length === 0) return nothing;
    const words = paperWords(arm.arm);
    const quoted =
      words === '' ? nothing : html`<p class="quote">The paper: “${words}”. ${runLinks(arm.runs)}</p>`;
    const drawn = panels.map(({ drawing, label }) => svgElement(drawing, label, pagePalette));
    return html`<h3>${displayName(arm.arm)}</h3>
${quoted}<div class="panels">${drawn}</div>
`;
  });
  const note = topFiveNote(labels.length);
  return section(
    'Curves',
    `Loss, top-1 and top-5 error of validation patches after each epoch, compared with the reference. Lines are means over seeds; bands go from the lowest seed to the highest.${note === undefined ? '' : ` ${note}`}`,
    html`${entry}`,
  );
}

const costColumns: readonly Column[] = [
  { heading: 'network', kind: 'name' },
  { heading: 'parameters', kind: 'number' },
  { heading: '× reference', kind: 'number' },
  { heading: 'multiply-adds', kind: 'number' },
  { heading: '× reference', kind: 'number' },
  { heading: 'training, images/s', kind: 'number' },
  { heading: 'peak memory', kind: 'number' },
];

export function costSection({ arms }: StudyResults): Markup {
  const base = arms[0]?.cost;
  const rows = arms.map((results): TableRow => {
    const { cost, runs } = results;
    const ratio = (own: number | undefined, reference: number | undefined) =>
      own === undefined || reference === undefined ? '' : (own / reference).toFixed(2);
    return {
      cells: [
        networkCell(results),
        cost ? count(cost.parameters) : '',
        ratio(cost?.parameters, base?.parameters),
        cost ? count(cost.multiplyAdds) : '',
        ratio(cost?.multiplyAdds, base?.multiplyAdds),
        speedOf(runs),
        memoryOf(runs),
      ],
    };
  });
  return section(
    'Cost',
    'Parameters are those of training, with batch normalisation if the study uses it. Multiply-adds are for one patch. Images per second are the median over epochs and seeds, possibly with other runs in parallel.',
    table('Cost of each network', costColumns, rows),
  );
}

function speedOf(runs: readonly StudyRunResults[]): string {
  const rates = runs
    .flatMap(({ results }) => results?.metrics ?? [])
    .filter(({ split }) => split === 'train')
    .map((row) => row.images_per_second);
  return rates.length === 0 ? '' : count(medianOf(rates));
}

function memoryOf(runs: readonly StudyRunResults[]): string {
  const peaks = runs.flatMap(({ results }) => results?.run.peakMemoryBytes ?? []);
  return peaks.length === 0 ? 'not recorded' : bytes(Math.max(...peaks));
}

const classColumns: readonly Column[] = [
  { heading: 'network', kind: 'name' },
  {
    heading: 'classes with the largest rise in error, in points, and the classes that they are confused with',
    kind: 'prose',
  },
];
const classesShown = 3;
const longestName = 60;

export function classesSection(results: StudyResults): Markup {
  const [reference] = results.arms;
  if (reference === undefined) return nothing;
  const columns = ablations(results)
    .map((arm) => ({ arm, changes: classChanges(arm, reference) }))
    .filter(({ changes }) => changes.length > 0);
  if (columns.length === 0) return nothing;
  const figure = classFigure(
    columns.map(({ arm, changes }) => ({ network: displayName(arm.arm), changes })),
    pagePalette,
  );
  const rows = columns.flatMap(({ arm, changes }) => worstClasses(arm, changes));
  const entry = html`${scrolling('Changes of each class', svgElement(figure, 'change of the error of each class without a layer, in points', pagePalette))}<h3>Largest rise in error</h3>
${table('Largest rise in error', classColumns, rows)}`;
  return section(
    'Errors by class',
    'Change of the error in points, compared with the reference of the same seed; mean over the seeds. Red is more error, blue less. A class has few photographs, so single cells are only hints.',
    entry,
  );
}

/** Empty if no class got worse. */
function worstClasses(arm: ArmResults, changes: readonly ClassChange[]): readonly TableRow[] {
  const worst = changes
    .filter(({ change }) => change > 0)
    .sort((a, b) => b.change - a.change)
    .slice(0, classesShown)
    .map(({ label, change, confusedWith }) => {
      const confused = confusedWith
        ? ` (with ${shortened(confusedWith.label, longestName)} ${signedPoints(confusedWith.change)})`
        : '';
      return `${shortened(label, longestName)} ${signedPoints(change)}${confused}`;
    });
  return worst.length === 0 ? [] : [{ cells: [networkCell(arm), worst.join('; ')] }];
}

/** The filters of each network's run with the lowest error. */
export async function filtersSection({ arms }: StudyResults): Promise<Markup> {
  const strips = await Promise.all(arms.map(filtersOf));
  return section(
    'Filters',
    "The kernels of the first convolution in each network's best run. Middle grey is zero; each kernel is scaled by its largest weight.",
    html`<div class="strips">${strips}</div>`,
  );
}

async function filtersOf({ arm, runs }: ArmResults): Promise<Markup> {
  const withModel = runs
    .flatMap((run) => (run.results?.firstKernel === undefined ? [] : [run]))
    .sort((a, b) => errorOf(a) - errorOf(b));
  const [best] = withModel;
  const kernel = best?.results?.firstKernel;
  if (best === undefined || kernel === undefined)
    return html`<div><h3>${displayName(arm)}</h3><p>There is no model.</p></div>
`;
  const source = await filtersStrip(kernel);
  return html`<div><h3>${displayName(arm)} ${runLinks([best])}</h3>
<img class="strip" src="${source}" alt="kernels of conv1 of ${best.name}"></div>
`;
}

function errorOf({ results }: StudyRunResults): number {
  return results?.run.best?.top1err ?? Number.POSITIVE_INFINITY;
}
