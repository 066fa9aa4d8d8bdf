import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { significant } from '../../model/format.ts';
import { balancedErrorsToCsv, metricsFromCsv } from '../../model/metrics.ts';
import { randomStream } from '../../model/random.ts';
import { runFiles } from '../../model/run-file.ts';
import { decodeTensors } from '../../model/safetensors.ts';
import { recipeSettings } from '../../model/training-config.ts';
import { calibrationOf, validationLogitsFile } from '../../model/validation-logits.ts';
import { writeConfusion } from '../../report/confusion.ts';
import { writeReport } from '../../report/report.ts';
import { type InventedRun, inventRun } from '../support/invented-run.ts';
import { knownNumbers } from '../support/known-numbers.ts';
import { all, type ParsedElement, parsed, texts } from '../support/parsed-markup.ts';
import { overconfidentValidation } from '../support/trained-run.ts';

async function reported(options: InventedRun = {}) {
  const { directory, run } = await inventRun(options);
  await writeReport(directory);
  const page = await readFile(join(directory, 'report.html'), 'utf8');
  return { directory, run, page, document: parsed(page) };
}

/** The cells of a table's body rows, by the label of its box. */
function tableRows(document: ParsedElement, label: string): readonly (readonly string[])[] {
  return all(document, `[aria-label="${label}"] tbody tr`).map((row) => texts(row, 'th,td'));
}

test('a run directory gets its three figures and its page', async () => {
  const { directory } = await reported();
  const files = await readdir(directory);
  expect(files).toEqual(
    expect.arrayContaining(['confusion.svg', 'curves.svg', 'filters.svg', 'report.html']),
  );
  expect(files.filter((name) => name.endsWith('.tmp'))).toEqual([]);
  for (const name of ['confusion.svg', 'curves.svg', 'filters.svg']) {
    expect(await readFile(join(directory, name), 'utf8')).toMatch(
      /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" [\s\S]*<\/svg>\n$/,
    );
  }
});

test('the same files give the same page', async () => {
  const { directory, page } = await reported();
  await writeReport(directory);
  expect(await readFile(join(directory, 'report.html'), 'utf8')).toBe(page);
});

test('the page is self-contained: nothing is loaded, nothing runs, and it is light', async () => {
  const labels = Array.from({ length: 100 }, (_, c) => `class ${c}`);
  const { page, document } = await reported({ labels, epochs: 100 });
  expect(all(document, 'script,link,iframe,object,[src]:not([src^="data:"])')).toEqual([]);
  expect(page).not.toMatch(/@import|url\(|javascript:/);
  expect(Buffer.byteLength(page)).toBeLessThan(600_000);
});

test('the page supports light and dark mode, and every rule of its style is used', async () => {
  const { page, document } = await reported({
    epochs: 100,
    labels: Array.from({ length: 31 }, (_, c) => `c${c}`),
  });
  const style = document.querySelector('style')?.textContent ?? '';
  expect(style).toContain('prefers-color-scheme:dark');
  const classes = new Set(Array.from(style.matchAll(/\.([a-z]+)[\s{,:>]/g), ([, name]) => name as string));
  const unused = [...classes].filter((name) => document.querySelector(`.${name}`) === null);
  // Only a diverged run is alarming.
  expect(unused).toEqual(['alarm']);
  const properties = new Set(style.match(/--[a-z]+(?=:)/g));
  for (const name of properties) expect(page).toContain(`var(${name})`);
});

test('epochs are those of metrics.csv', async () => {
  const { directory, document } = await reported();
  const metrics = metricsFromCsv(await readFile(join(directory, 'metrics.csv'), 'utf8'), 'metrics.csv');
  const rows = tableRows(document, 'Values of each epoch');
  expect(rows.map((row) => row.slice(0, 5))).toEqual(
    metrics.map((row) => [
      String(row.epoch),
      row.split,
      row.objective.toFixed(3),
      row.top1err.toFixed(3),
      row.top5err.toFixed(3),
    ]),
  );
});

test('balanced errors are those of balanced-error.csv', async () => {
  const { directory, run } = await reported();
  const path = join(directory, 'metrics.csv');
  const metrics = metricsFromCsv(await readFile(path, 'utf8'), path);
  const balanced = metrics.map((row) =>
    row.split === 'val' ? { ...row, balanced_top1err: row.top1err / 2 } : row,
  );
  await writeFile(join(directory, 'balanced-error.csv'), balancedErrorsToCsv(balanced));
  const best = run.best && { ...run.best, balancedTop1err: 0.123 };
  await writeFile(join(directory, 'run.json'), JSON.stringify({ ...run, best }));
  await writeReport(directory);
  const document = parsed(await readFile(join(directory, 'report.html'), 'utf8'));
  expect(tableRows(document, 'Values of each epoch').map((row) => row[5])).toEqual(
    balanced.map(({ balanced_top1err }) => balanced_top1err?.toFixed(3) ?? ''),
  );
  expect(texts(document, '.result p').join()).toContain('Balanced error 0.123: the mean of the classes');
});

test('every note about the data and every skipped file is on the page', async () => {
  const { directory, run, page } = await reported();
  expect(page, 'a run of an earlier version has their number alone').not.toContain('Skipped files');
  const notes = Array.from({ length: 14 }, (_, i) => `note <${i}> about the data`);
  const skipped = Array.from({ length: 30 }, (_, i) => ({ name: `a/${i}.txt`, why: `no image & ${i}` }));
  const data = { ...run.data, notes, skipped, skippedFiles: 30 };
  await writeFile(join(directory, 'run.json'), JSON.stringify({ ...run, data }));
  await writeReport(directory);
  const document = parsed(await readFile(join(directory, 'report.html'), 'utf8'));
  expect(texts(document, 'p')).toEqual(expect.arrayContaining(notes));
  expect(tableRows(document, 'Skipped files')).toEqual(skipped.map(({ name, why }) => [name, why]));
});

test('each session shows its precision; runs of earlier versions have none', async () => {
  const { directory, run, document } = await reported();
  expect(tableRows(document, 'Sessions').map((row) => row[3])).toEqual(['not recorded']);
  const [first] = run.stretches;
  const stretches = [first, { ...first, device: 'cuda', precision: 'tf32' }];
  await writeFile(join(directory, 'run.json'), JSON.stringify({ ...run, stretches }));
  await writeReport(directory);
  const after = parsed(await readFile(join(directory, 'report.html'), 'utf8'));
  expect(tableRows(after, 'Sessions').map((row) => row[3])).toEqual(['not recorded', 'tf32']);
});

test('settings that the default recipe does not have are tinted', async () => {
  const config = { ...recipeSettings('default', 'lab-baseline'), epochs: 2, momentum: 0.8 };
  const { document } = await reported({ config });
  const tinted = all(document, '[aria-label="Settings"] tbody tr.chosen').map(
    (row) => texts(row, 'th,td')[0],
  );
  expect(tinted).toEqual(['data', 'epochs', 'momentum']);
});

test('classes are those of confusion.csv, the worst first', async () => {
  const { directory, document } = await reported();
  await writeConfusion(
    directory,
    ['bark', 'brick', 'glass', 'knit', 'marble', 'plaid', 'water'],
    [
      [30, 10, 0, 0, 0, 0, 0],
      [0, 8, 0, 0, 0, 2, 30],
      [0, 0, 50, 0, 0, 0, 0],
      [0, 0, 0, 50, 0, 0, 0],
      [0, 0, 0, 0, 50, 0, 0],
      [0, 0, 0, 0, 0, 50, 0],
      [0, 0, 0, 0, 0, 0, 50],
    ],
  );
  await writeReport(directory);
  const after = parsed(await readFile(join(directory, 'report.html'), 'utf8'));
  expect(tableRows(after, 'Errors of each class').slice(0, 3)).toEqual([
    ['brick', '40', '32', '80.0\u00a0%', '', 'water (30)', '10'],
    ['bark', '40', '10', '25.0\u00a0%', '', 'brick (10)', '0'],
    ['glass', '50', '0', '0.0\u00a0%', '', '', '0'],
  ]);
  expect(tableRows(after, 'Most confused pairs')).toEqual([
    ['brick', 'water', '30', '75.0\u00a0%'],
    ['bark', 'brick', '10', '25.0\u00a0%'],
    ['brick', 'plaid', '2', '5.0\u00a0%'],
  ]);
  expect(tableRows(document, 'Errors of each class')).not.toEqual(tableRows(after, 'Errors of each class'));
});

test('the picture of a hundred patches counts as the sentence does', async () => {
  const { document, run } = await reported();
  const wrong = Math.round((run.best?.top1err ?? Number.NaN) * 100);
  expect(all(document, '.hundred path')).toHaveLength(wrong);
  expect(all(document, '.hundred rect')).toHaveLength(100 - wrong);
  expect(document.querySelector('.sentence')?.textContent).toContain(`${wrong} are misclassified`);
});

test('class names are text on the page, whatever they contain', async () => {
  const labels = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "o'hare & co",
    'a\nb',
    'Größe',
  ];
  const { page, document } = await reported({ labels });
  expect(page).not.toMatch(/<script|<img|<b>onerror/);
  expect(
    tableRows(document, 'Errors of each class')
      .map(([name]) => name)
      .toSorted(),
  ).toEqual(labels.map((label) => label.replace('\n', '\uFFFD')).toSorted());
});

test('every number on the page is in the files or follows from them', async () => {
  const { directory, document } = await reported({ config: { learningRate: 0.004 } });
  const known = await knownNumbers(directory);
  const tokens = texts(document, 'p,th,td,pre,h1')
    .flatMap((text) => text.match(/(?<![\w.])[\d,]*\d(?:\.\d+)*(?:e[+-]?\d+)?(?![\w.]*[a-z])/gi) ?? [])
    .map((token) => token.replaceAll(',', ''));
  expect(tokens.length).toBeGreaterThan(300);
  expect(tokens.filter((token) => !known.has(token))).toEqual([]);
});

test('the check of numbers rejects numbers that are in no file', async () => {
  const { directory } = await reported();
  const known = await knownNumbers(directory);
  for (const foreign of ['4711', '27.5', '0.274', '12.8']) expect(known.has(foreign), foreign).toBe(false);
});

test.each<[string, InventedRun, readonly string[], readonly string[]]>([
  ['without validation', { validated: false }, ['curves.svg', 'filters.svg'], ['confusion.svg']],
  [
    'that diverged in its first epoch',
    { status: 'diverged', divergedAtEpoch: 1 },
    ['curves.svg'],
    ['confusion.svg', 'filters.svg'],
  ],
  ['of one epoch', { epochs: 1 }, ['curves.svg', 'confusion.svg', 'filters.svg'], []],
])('a run %s has the figures that it can have, and a page', async (_, options, there, absent) => {
  const { directory, page } = await reported(options);
  for (const name of there) expect(existsSync(join(directory, name)), name).toBe(true);
  for (const name of absent) expect(existsSync(join(directory, name)), name).toBe(false);
  expect(page).not.toMatch(/undefined|NaN|\[object/);
});

test('a run without a finished epoch has a page that says so', async () => {
  const { directory, run } = await inventRun();
  const { best: _, endedAt: __, ...begun } = run;
  await writeFile(join(directory, 'run.json'), JSON.stringify({ ...begun, status: 'running' }));
  for (const name of ['metrics.csv', 'confusion.csv', 'model.safetensors']) await rm(join(directory, name));
  await writeReport(directory);
  const page = await readFile(join(directory, 'report.html'), 'utf8');
  expect(page).toContain('No epoch has been finished yet.');
  expect(page).toContain('--resume');
  expect(page).not.toContain('npm run export');
});

test('filters.svg shows the kernels that are in the model file', async () => {
  const { directory } = await reported();
  const file = new Uint8Array(await readFile(join(directory, 'model.safetensors')));
  const kernel = decodeTensors(file, 'x').tensors.get('conv1.kernel');
  const first = Array.from(kernel?.data.slice(0, 25) ?? []);
  const largest = Math.max(...first.map(Math.abs));
  const figure = parsed(await readFile(join(directory, 'filters.svg'), 'utf8'));
  expect(texts(figure, 'g text')[0]).toBe(`±${Number(largest.toPrecision(3))}`);
  const greys = all(figure, '[shape-rendering] rect').slice(0, 25);
  expect(greys.map((cell) => Number.parseInt(cell.getAttribute('fill')?.slice(1, 3) ?? '', 16))).toEqual(
    first.map((weight) => Math.round(127.5 * (1 + weight / largest))),
  );
});

test('samples.png is part of the page if it exists', async () => {
  const { directory } = await inventRun();
  const picture = Buffer.from('89504e470d0a1a0a', 'hex');
  await writeFile(join(directory, 'samples.png'), picture);
  await writeReport(directory);
  const document = parsed(await readFile(join(directory, 'report.html'), 'utf8'));
  expect(document.querySelector('img')?.getAttribute('src')).toBe(
    `data:image/png;base64,${picture.toString('base64')}`,
  );
});

test('a heavy samples.png does not make a heavy page', async () => {
  const { directory } = await inventRun({
    labels: Array.from({ length: 100 }, (_, c) => `class ${c}`),
    epochs: 100,
  });
  const noise = randomStream(1, 'noise');
  const pixels = Uint8Array.from({ length: 1160 * 1400 }, () => noise.integer(0, 255));
  const raw = { width: 1160, height: 1400, channels: 1 } as const;
  await sharp(pixels, { raw }).png({ palette: true, effort: 1 }).toFile(join(directory, 'samples.png'));
  await writeReport(directory);
  const page = await readFile(join(directory, 'report.html'));
  expect(page.length).toBeLessThan(600_000);
  expect(page.toString()).toContain('data:image/webp;base64,');
});

test('a directory without a run, a corrupt run.json and confusions of another run are reported with the file', async () => {
  const empty = await mkdtemp(join(tmpdir(), 'textura-empty-'));
  await expect(writeReport(empty)).rejects.toMatchObject({ code: 'file-unreadable' });
  const { directory } = await inventRun();
  await writeConfusion(
    directory,
    ['a', 'b'],
    [
      [1, 0],
      [0, 1],
    ],
  );
  await expect(writeReport(directory)).rejects.toThrow(
    'confusion.csv: its classes differ from those of run.json',
  );
  await writeFile(join(directory, 'run.json'), '{"textura": 3}');
  await expect(writeReport(directory)).rejects.toThrow(/run\.json: textura: /);
});

test('a run with the logits of its validation has reliability diagrams and the temperatures', async () => {
  const { directory, run, document } = await reported();
  expect(texts(document, 'h2')).not.toContain('Calibration');
  const validation = overconfidentValidation(run.labels.length);
  await writeFile(join(directory, runFiles.validationLogits), validationLogitsFile(validation, {}));
  await writeReport(directory);
  const calibrated = parsed(await readFile(join(directory, 'report.html'), 'utf8'));
  const { temperatures, ece } = calibrationOf(validation);
  const rows = tableRows(calibrated, 'Calibration');
  expect(rows.map((row) => row.slice(0, 4))).toEqual([
    [
      'photographs',
      significant(temperatures.photograph),
      ece.photographs.before.toFixed(3),
      ece.photographs.after.toFixed(3),
    ],
    [
      'single patches',
      significant(temperatures.patch),
      ece.patches.before.toFixed(3),
      ece.patches.after.toFixed(3),
    ],
  ]);
  expect(all(calibrated, 'svg[aria-label^="reliability diagram"]')).toHaveLength(2);
});
