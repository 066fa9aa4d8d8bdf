/**
 * npm run docs:gallery: the figure and the table of docs/gallery.md, from the folds of a cross-validation on
 * the 25 UIUC classes. Each job is a group of these classes.
 */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { markdownTable } from 'markdown-table';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { runFiles } from '../model/run-file.ts';
import { wilsonInterval } from '../model/statistics/wilson.ts';
import { type ValidatedImage, validationErrors } from '../model/validation-file.ts';
import { writeFileAtomically } from '../node/atomic-file.ts';
import { runCommand } from '../node/command-line.ts';
import { readValidation } from '../node/records.ts';
import { type ClassScore, classScores, errorShare, readConfusion } from '../report/confusion.ts';
import { type Drawing, svgFile } from '../report/drawing.ts';
import { html } from '../report/markup.ts';
import { lightPalette } from '../report/palette.ts';
import { writeGeneratedPart } from './generated-part.ts';

const options = z.strictObject({
  folds: z.string().min(1).describe('folder that npm run train -- --folds wrote, with finished folds'),
});

/** The classes of each job. */
const jobs = {
  fabric: ['T18_carpet1', 'T19_carpet2', 'T20_upholstery', 'T23_knit', 'T24_corduroy', 'T25_plaid'],
  'wood and bark': ['T01_bark1', 'T02_bark2', 'T03_bark3', 'T04_wood1', 'T05_wood2', 'T06_wood3'],
  floor: ['T08_granite', 'T09_marble', 'T10_floor1', 'T11_floor2', 'T12_pebbles'],
} as const;

interface Results {
  readonly folds: number;
  readonly classes: readonly ClassScore[];
  readonly photographs: readonly ValidatedImage[];
}

async function writeGallery({ folds }: z.infer<typeof options>): Promise<void> {
  const results = await readResults(folds);
  const docs = fileURLToPath(new URL('.', import.meta.url));
  await writeFileAtomically(
    join(docs, 'gallery.svg'),
    svgFile(classBars(results), 'Error of single patches by class'),
  );
  await writeGeneratedPart(join(docs, 'gallery.md'), 'figures', tableOf(results));
}

/** Every fold that has been validated. Errors: `data-unusable` if there is none or a class of a job is missing. */
async function readResults(directory: string): Promise<Results> {
  const names = (await readdir(directory)).filter((name) => /^fold-\d+$/.test(name)).sort();
  const finished = names
    .map((name) => join(directory, name))
    .filter((fold) => existsSync(join(fold, runFiles.validation)));
  if (finished.length === 0) {
    throw new TexturaError('data-unusable', `${directory}: expected a finished fold, got none`);
  }
  const confusions = await Promise.all(finished.map((fold) => readConfusion(fold)));
  const [first] = confusions;
  if (first === undefined) {
    throw new TexturaError('data-unusable', `${finished[0]}: expected a confusion.csv, got none`);
  }
  const counts = first.labels.map((_, row) =>
    first.labels.map((_, column) =>
      confusions.reduce((sum, each) => sum + (each?.counts[row]?.[column] ?? 0), 0),
    ),
  );
  const scores = classScores({ labels: first.labels, counts });
  const photographs = await Promise.all(finished.map(readValidation));
  const missing = Object.values(jobs)
    .flat()
    .filter((label) => !first.labels.includes(label));
  if (missing.length > 0) {
    throw new TexturaError('data-unusable', `${directory}: no class ${missing.join(', ')}; expected UIUC's`);
  }
  return { folds: finished.length, classes: scores, photographs: photographs.flat() };
}

const isIn = (labels: readonly string[]) => (item: { readonly label: string }) => labels.includes(item.label);
/** `T01_bark1` is shown as `bark1`. */
const shown = (label: string): string => label.replace(/^T\d+_/, '');

/** The table and the sentence above it. */
function tableOf({ folds, classes, photographs }: Results): string {
  const every = classes.map(({ label }) => label);
  const rows = Object.entries({ ...jobs, 'all 25 classes': every }).map(([job, labels]) => {
    const own = classes.filter(isIn(labels));
    const seen = photographs.filter(isIn(labels));
    const { patchError, photographError } = validationErrors(seen);
    const { low, high } = wilsonInterval(photographError * seen.length, seen.length);
    const [hardest] = own.toSorted((a, b) => errorShare(b) - errorShare(a));
    const mistake = hardest?.worstMistake;
    return [
      job,
      String(labels.length),
      String(seen.length),
      patchError.toFixed(3),
      `${photographError.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`,
      mistake === undefined
        ? ''
        : `${shown(mistake.trueLabel)}, ${mistake.count} of ${mistake.of} patches as ${shown(mistake.predicted)}`,
    ];
  });
  const headings = [
    'job',
    'classes',
    'photographs',
    'error of patches',
    'error of photographs',
    'hardest class',
  ];
  const counted = folds === 1 ? 'One fold' : `${folds} folds`;
  return `${counted} of a cross-validation; intervals are 95 %.\n\n${markdownTable([headings, ...rows], {
    align: ['l', 'r', 'r', 'r', 'r', 'l'],
  })}`;
}

/** A bar for each class of each job: the share of wrong patches. */
function classBars({ classes }: Results): Drawing {
  const { ink, muted, rule, validation } = lightPalette;
  const most = Math.max(...classes.filter(isIn(Object.values(jobs).flat())).map(errorShare));
  const [labelPx, barsPx, rowPx] = [110, 420, 22];
  let y = 4;
  const groups = Object.entries(jobs).map(([job, labels]) => {
    const title = html`<text x="0" y="${y + 15}" text-anchor="start" font-size="14" fill="${ink}">${job}</text>`;
    y += 26;
    const rows = labels.flatMap((label) => {
      const score = classes.find((each) => each.label === label);
      if (score === undefined) return [];
      const width = (errorShare(score) / most) * barsPx;
      const row = html`<text x="${labelPx - 10}" y="${y + 13}" text-anchor="end" font-size="12.5" fill="${ink}">${shown(label)}</text>
<line x1="${labelPx}" y1="${y + 8}" x2="${labelPx + barsPx}" y2="${y + 8}" stroke="${rule}"/>
<rect x="${labelPx}" y="${y + 2}" width="${Math.max(1, width).toFixed(1)}" height="12" fill="${validation}"/>
<text x="${(labelPx + Math.max(1, width) + 6).toFixed(1)}" y="${y + 12}" text-anchor="start" font-size="11.5" fill="${muted}" stroke="${lightPalette.paper}" stroke-width="4" paint-order="stroke">${errorShare(score).toFixed(3)}</text>`;
      y += rowPx;
      return [row];
    });
    y += 10;
    return html`${title}${rows}`;
  });
  return { width: labelPx + barsPx + 46, height: y, body: html`${groups}`.markup };
}

await runCommand(
  {
    name: 'docs:gallery',
    summary: 'Makes the figure and the table of docs/gallery.md from a cross-validation on UIUC.',
    options,
    run: writeGallery,
  },
  process.argv.slice(2),
);
