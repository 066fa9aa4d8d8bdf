import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { csvRows } from '../../../model/csv.ts';
import { metricsFromCsv } from '../../../model/metrics.ts';
import { runSchema } from '../../../model/run-file.ts';
import { correlationOf } from '../../../model/statistics/correlation.ts';
import { recipeSettings, trainingConfigSchema } from '../../../model/training-config.ts';
import { validationFromCsv, validationToCsv } from '../../../model/validation-file.ts';
import { readStudy, writeStudy } from '../../../node/records.ts';
import { familyOf } from '../../../study/families.ts';
import { settingsSection } from '../../../study/report/section-runs.ts';
import { writeStudyReport } from '../../../study/report/study-report.ts';
import { studyRuns, withStates } from '../../../study/study-directory.ts';
import { type InventedStudy, inventStudy } from '../../support/invented-study.ts';
import { all, numberOf, parsed, texts } from '../../support/parsed-markup.ts';

async function reported(options: InventedStudy = {}) {
  const directory = await inventStudy(options);
  await writeStudyReport(directory);
  const read = (name: string) => readFile(join(directory, name), 'utf8');
  const page = await read('report.html');
  return {
    directory,
    page,
    document: parsed(page),
    csv: await read('summary.csv'),
    table: await read('summary.md'),
  };
}

/** The rows of summary.csv by network, each by column. */
function summaryOf(csv: string): ReadonlyMap<string, Readonly<Record<string, string>>> {
  const [header = [], ...rows] = csvRows(csv, 'summary.csv');
  return new Map(
    rows.map((row) => [row[0] ?? '', Object.fromEntries(header.map((name, i) => [name, row[i] ?? '']))]),
  );
}

/** Mean over photographs of the share of wrong patches, then over seeds. */
async function meanError(directory: string, network: string, seeds: readonly number[]): Promise<number> {
  let sum = 0;
  for (const seed of seeds) {
    const text = await readFile(join(directory, 'runs', `${network}-s${seed}`, 'validation.csv'), 'utf8');
    const images = validationFromCsv(text, 'validation.csv');
    for (const { wrong, patches } of images) sum += wrong / patches / images.length / seeds.length;
  }
  return sum;
}

const everyEnd = {
  added: { 'no-relu1': 0, 'no-relu2': 0, 'no-relu3': 0, 'no-relu4': 0, 'no-conv4-pool4': 0 },
  ends: {
    'no-relu1-s1': 'early',
    'no-relu2-s2': 'failed',
    'no-relu3-s3': 'stopped',
    'no-relu3-s1': 'missing',
    'no-relu4-s1': 'diverged late',
    'no-conv4-pool4-s1': 'diverged',
    'no-conv4-pool4-s2': 'diverged',
    'no-conv4-pool4-s3': 'diverged',
  },
} as const satisfies InventedStudy;

test('errors and differences match the validation files', async () => {
  const { directory, csv } = await reported();
  const rows = summaryOf(csv);
  const reference = await meanError(directory, 'reference', [1, 2, 3]);
  const pooled = await meanError(directory, 'no-pool2', [1, 2, 3]);
  expect(Number(rows.get('reference')?.top1err)).toBeCloseTo(reference, 10);
  expect(Number(rows.get('no-pool2')?.top1err)).toBeCloseTo(pooled, 10);
  expect(Number(rows.get('no-pool2')?.difference)).toBeCloseTo(pooled - reference, 10);
  expect(rows.get('no-pool2')).toMatchObject({ seeds: '3', parameters: '4430077', width: '1' });
});

test('parameters are those of the trained network, with batch normalisation', async () => {
  const directory = await inventStudy();
  const study = await readStudy(directory);
  await writeStudy(directory, { ...study, config: { ...study.config, batchNorm: true } });
  await writeStudyReport(directory);
  const rows = summaryOf(await readFile(join(directory, 'summary.csv'), 'utf8'));
  // The scale and shift of 20 + 50 + 500 + 500 channels; the first of them replaces the bias.
  expect(rows.get('no-pool2')?.parameters).toBe(String(4_430_077 + 1070));
});

test('runs with other times on another machine give the same summaries', async () => {
  const { directory, csv, table } = await reported();
  const path = join(directory, 'runs/reference-s2');
  const run = JSON.parse(await readFile(join(path, 'run.json'), 'utf8'));
  const later = { ...run, startedAt: '2027-01-01T00:00:00Z', peakMemoryBytes: 12345, textura: '0.1.1' };
  await writeFile(join(path, 'run.json'), JSON.stringify(later));
  const metrics = await readFile(join(path, 'metrics.csv'), 'utf8');
  await writeFile(join(path, 'metrics.csv'), metrics.replace(/,[\d.]+\n/g, ',77\n'));
  await writeStudyReport(directory);
  expect(await readFile(join(directory, 'summary.csv'), 'utf8')).toBe(csv);
  expect(await readFile(join(directory, 'summary.md'), 'utf8')).toBe(table);
});

test('the page is self-contained and small, and every link leads to an existing run', async () => {
  const { directory, page, document } = await reported({
    labels: Array.from({ length: 25 }, (_, c) => `class ${c}`),
    added: {
      'no-relu1': 0.1,
      'no-relu2': 0,
      'no-relu3': 0,
      'no-pool1': 0.1,
      'no-pool2': 0.3,
      'lab-baseline': 0.2,
    },
  });
  expect(all(document, 'script,link,iframe,object,[src]:not([src^="data:"])')).toEqual([]);
  expect(page).not.toMatch(/@import|url\(|javascript:/);
  expect(Buffer.byteLength(page)).toBeLessThan(600_000);
  const links = all(document, 'a').map(
    (link) => link.getAttribute('href') ?? link.getAttribute('xlink:href') ?? '',
  );
  expect(links.length).toBeGreaterThan(7 * 3);
  for (const link of links) expect(existsSync(join(directory, link)), link).toBe(true);
});

test('the engines that trained the runs are named, with those that trained another run', async () => {
  const directory = await inventStudy();
  const engines = async () => {
    await writeStudyReport(directory);
    const document = parsed(await readFile(join(directory, 'report.html'), 'utf8'));
    return texts(document, 'p').filter((text) => text.startsWith('Trained by'));
  };
  const [one = ''] = await engines();
  expect(one).toMatch(/^Trained by onnx on cpu \([^:]+\)\.$/);
  const path = join(directory, 'runs/no-pool2-s2/run.json');
  const run = runSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  const onCuda = run.stretches.map((session) => ({ ...session, device: 'cuda', why: 'CUDA is set up' }));
  await writeFile(path, JSON.stringify({ ...run, stretches: [...onCuda, ...run.stretches] }));
  expect(await engines()).toEqual([
    `${one.slice(0, -1)}: reference-s1, reference-s2, reference-s3, no-relu3-s1, no-relu3-s2 and 3 more.`,
    `Trained by onnx on cuda (CUDA is set up), then ${one.slice('Trained by '.length, -1)}: no-pool2-s2.`,
  ]);
});

test('every state of a run is shown: on the page, in the table, in summary.csv', async () => {
  const { document, csv, table } = await reported(everyEnd);
  const states = Array.from(summaryOf(csv).values(), ({ runs }) => runs);
  expect(states).toEqual([
    'seed 1 finished; seed 2 finished; seed 3 finished',
    'seed 1 stopped early after epoch 6; seed 2 finished; seed 3 finished',
    'seed 1 finished; seed 2 failed; seed 3 finished',
    'seed 1 missing; seed 2 finished; seed 3 unfinished after epoch 6',
    'seed 1 diverged at epoch 5; seed 2 finished; seed 3 finished',
    'seed 1 diverged at epoch 1; seed 2 diverged at epoch 1; seed 3 diverged at epoch 1',
  ]);
  const cells = texts(document, '[aria-label="Runs"] tbody td').join('|');
  for (const words of [
    'stopped early after epoch 6',
    'failed',
    'missing',
    'unfinished',
    'diverged at epoch 1',
  ])
    expect(cells).toContain(words);
  // The intervals of Clopper and Pearson for none, one and three of three.
  expect(texts(document, '[aria-label="Runs"] tbody tr td:last-child')).toEqual([
    '0 of 3 [0, 71]',
    '0 of 3 [0, 71]',
    '0 of 2 [0, 84]',
    '0 of 1',
    expect.stringMatching(/^1 of 3, 33.% \[1, 91\]$/),
    expect.stringMatching(/^3 of 3, 100.% \[29, 100\]$/),
  ]);
  expect(document.querySelector('main')?.textContent).toContain('no-relu2-s2: out of luck');
  expect(table).toContain('2 finished, 1 failed');
});

test('a run with a damaged file is shown as failed, with the file, and the others are reported', async () => {
  const directory = await inventStudy();
  await writeFile(join(directory, 'runs/no-relu3-s1/run.json'), '{"textura":');
  await writeFile(join(directory, 'runs/no-pool2-s2/validation.csv'), 'image,label\n');
  await writeStudyReport(directory);
  const rows = summaryOf(await readFile(join(directory, 'summary.csv'), 'utf8'));
  const expected = await meanError(directory, 'no-relu3', [2, 3]);
  expect(rows.get('no-relu3')).toMatchObject({
    seeds: '2',
    runs: 'seed 1 failed; seed 2 finished; seed 3 finished',
  });
  expect(Number(rows.get('no-relu3')?.top1err)).toBeCloseTo(expected, 10);
  expect(rows.get('no-pool2')).toMatchObject({
    seeds: '2',
    runs: 'seed 1 finished; seed 2 failed; seed 3 finished',
  });
  expect(rows.get('reference')).toMatchObject({ seeds: '3' });
  const reasons = texts(parsed(await readFile(join(directory, 'report.html'), 'utf8')), 'p.alarm');
  expect(reasons).toEqual([
    expect.stringMatching(/^no-relu3-s1: .*run\.json: not JSON$/),
    expect.stringMatching(/^no-pool2-s2: .*validation\.csv: /),
  ]);
  // So that a resumed study goes on, too.
  const study = await readStudy(directory);
  const states = await withStates(study, studyRuns(directory, study));
  const failed = states.filter(({ state }) => state.status === 'failed').map(({ run }) => run.name);
  expect(failed).toEqual(['no-relu3-s1']);
});

test('diverged runs count with their last good model or as guessing; runs without a result do not count', async () => {
  const { directory, csv, document } = await reported(everyEnd);
  const rows = summaryOf(csv);
  const late = await meanError(directory, 'no-relu4', [1, 2, 3]);
  expect(Number(rows.get('no-relu4')?.top1err)).toBeCloseTo(late, 10);
  expect(rows.get('no-relu4')).toMatchObject({ seeds: '3', diverged_runs: '1', ended_runs: '3' });
  expect(rows.get('no-conv4-pool4')?.seeds).toBe('3');
  expect(Number(rows.get('no-conv4-pool4')?.top1err)).toBeCloseTo(6 / 7, 10);
  expect(rows.get('no-relu2')).toMatchObject({ seeds: '2', compared_seeds: '2' });
  expect(rows.get('no-relu3')).toMatchObject({ seeds: '1', interval_basis: 'none: one seed' });
  const words = texts(document, 'p').join('\n');
  expect(words).toMatch(
    /The network without conv4 and pool4 did not train: it diverged in epoch 1 in 3 of 3 runs/,
  );
  expect(words).toMatch(/Seed 1 diverged at epoch 5 and counts with its best model/);
  expect(words).toMatch(/The network without relu3 has .* in seed 2\. One seed gives no interval/);
});

test('a diverged run removes its network from the figure, and does not compress the others', async () => {
  const ends = { 'no-relu4-s2': 'diverged' } as const;
  const { document, csv, table } = await reported({
    seeds: [1, 2],
    added: { 'no-relu3': 0, 'no-relu4': 0 },
    ends,
  });
  const row = summaryOf(csv).get('no-relu4');
  expect(Number(row?.smallest_detectable)).toBeGreaterThan(1);
  expect(table).toMatch(/^\| \[?no-relu4.*\| none +\|/m);
  expect(document.querySelector('.sentence')?.textContent).toContain('no-relu4: 1 of 2 runs diverged.');
  const verdicts = all(document, '[aria-label="Comparison with the paper"] tbody tr').map(
    (row) => texts(row, 'td')[3],
  );
  const undecided = 'neither a difference nor equivalence is shown';
  expect(verdicts).toEqual(['', undecided, `${undecided}; 1 of 2 runs diverged`]);
  const told = texts(document, 'section p').find((text) => text.startsWith('no-relu4.')) ?? '';
  expect(told).toContain('Its runs vary so much that the study could not have shown any difference.');
  const ticks = texts(document, 'svg[aria-label^="Differences in top-1 error"] text')
    .filter((text) => /^\+\d+$/.test(text))
    .map(Number);
  expect(100 * Number(row?.difference)).toBeGreaterThan(15);
  expect(Math.max(...ticks)).toBeLessThan(15);
});

test('a difference that is not significant is shown with its interval and the detectable difference, never as no effect', async () => {
  const { document, csv } = await reported();
  const rows = summaryOf(csv);
  const sentences = texts(document, 'section p');
  const told = sentences.find((text) => text.startsWith('no-relu3.')) ?? '';
  const points = (share: string | undefined) => Math.abs(100 * Number(share)).toFixed(1);
  const row = rows.get('no-relu3');
  expect(Number(row?.p_holm)).toBeGreaterThan(0.05);
  expect(told).toContain('does not differ significantly from the reference');
  for (const share of [row?.difference, row?.difference_low, row?.difference_high, row?.smallest_detectable])
    expect(told).toContain(points(share));
  expect(document.querySelector('main')?.textContent).not.toMatch(
    /no effect|does not matter|no difference between/i,
  );
  const worse = sentences.find((text) => text.startsWith('no-pool2.')) ?? '';
  expect(worse).toContain(
    `has a top-1 error ${points(rows.get('no-pool2')?.difference)} points higher than the reference`,
  );
});

test('results are next to what the paper reports, in the same form', async () => {
  const { directory, document } = await reported(everyEnd);
  const rows = all(document, '[aria-label="Comparison with the paper"] tbody tr').map((row) =>
    texts(row, 'td'),
  );
  expect(rows.map(([, paper]) => paper)).toEqual([
    'epoch 15: objective 1.2, top-1 error 0.35, top-5 error 0.17',
    'the error does not move',
    'no difference from the reference',
    'hardly matters',
    'no difference from the reference',
    'NaN: did not train',
  ]);
  // Three runs are too few to say that most runs train, or that most diverge.
  expect(rows.map((row) => row[0])).toEqual(['', ...rows.slice(1).map(() => 'undecided')]);
  const lastRow = async (name: string) => {
    const path = join(directory, 'runs', name, 'metrics.csv');
    const all = metricsFromCsv(await readFile(path, 'utf8'), path);
    return all.findLast(({ split }) => split === 'val');
  };
  const last = await Promise.all([1, 2, 3].map((seed) => lastRow(`reference-s${seed}`)));
  const mean = (measure: 'objective' | 'top1err' | 'top5err') =>
    (last.reduce((sum, row) => sum + (row?.[measure] ?? Number.NaN), 0) / 3).toFixed(2);
  expect(rows[0]?.[2]).toBe(
    `epoch 9: objective ${mean('objective')}, top-1 error ${mean('top1err')}, top-5 error ${mean('top5err')}`,
  );
  expect(rows[2]?.[2]).toMatch(new RegExp(`^0\\.\\d\\d at epoch 9 against ${mean('top1err')}$`));
  // Of no-conv4-pool4 no run completed an epoch; no-relu4 stopped at epoch 5 in one run.
  expect(rows[5]?.[2]).toBe('');
});

test('with six seeds every verdict is reached, and follows from difference, equivalence and failed runs', async () => {
  const seeds = [1, 2, 3, 4, 5, 6];
  const { directory, document, csv, table } = await reported({
    seeds,
    photographsAClass: 12,
    noise: 0.1,
    added: {
      'no-relu1': 0,
      'no-relu2': 0,
      'no-relu3': 0.15,
      'no-pool1': 0.3,
      'no-pool2': 0,
      'no-relu234-pool4': -0.1,
      'no-conv4-pool4': 0,
      'lab-baseline': 0.3,
    },
    ends: Object.fromEntries(seeds.map((seed) => [`no-conv4-pool4-s${seed}`, 'diverged'])),
  });
  const rows = all(document, '[aria-label="Comparison with the paper"] tbody tr').map((row) =>
    texts(row, 'td'),
  );
  expect(rows.map(([verdict, , , found]) => [found?.replace(/[\d.]+ points$/, 'N points'), verdict])).toEqual(
    [
      ['', ''],
      ['it trains; within 2 points of the reference', 'contradicted'],
      ['within 2 points of the reference', 'confirmed'],
      ['worse by N points', 'contradicted'],
      ['worse by N points', 'confirmed'],
      ['within 2 points of the reference', 'equivalent'],
      ['better by N points', 'contradicted'],
      ['did not train: 6 of 6 runs diverged', 'confirmed'],
      ['worse by N points', ''],
    ],
  );
  const row = summaryOf(csv).get('no-relu2');
  expect(Number(row?.within_margin_probability)).toBeGreaterThan(0.95);
  expect(row?.margin).toBe('0.02');
  const means = (network: string) => Promise.all(seeds.map((seed) => meanError(directory, network, [seed])));
  const [own, other] = [await means('no-relu2'), await means('reference')];
  const correlation = correlationOf(own.map((error, i) => [error, other[i] ?? Number.NaN]));
  expect(Number(row?.seed_correlation)).toBeCloseTo(correlation?.value ?? Number.NaN, 10);
  expect(texts(document, 'section p').find((text) => text.startsWith('no-relu2.'))).toMatch(
    /is equivalent to the reference: its top-1 error differs by .* and lies within 2 points with a probability of (0\.9\d|>\s0\.999)/,
  );
  expect(table).toMatch(/^- \*\*no-relu2\*\*: The network without relu2 is equivalent to the reference/m);
  expect(table).toMatch(/^\| no-pool2 +\| equivalent +\|/m);
  expect(table).toContain(
    '"Within the margin" is the probability that the true difference is less than 2 points.',
  );
  const [band] = all(document, '.wide svg .margin rect');
  if (band === undefined) throw new Error('expected a band');
  const [left, right] = [numberOf(band, 'x'), numberOf(band, 'x') + numberOf(band, 'width')];
  const inBand = all(document, '.wide svg .interval line').map(
    (line) => left < numberOf(line, 'x1') && numberOf(line, 'x2') < right,
  );
  expect(inBand).toEqual([true, true, false, false, true, false, false]);
});

test('a study of texture-net says which of its parts are needed, and nothing of the paper', async () => {
  const { document, table, page } = await reported({
    seeds: [1, 2, 3, 4, 5, 6],
    photographsAClass: 12,
    noise: 0.1,
    network: 'texture-net',
    added: {
      'texture-net-no-deviations': 0.3,
      'texture-net-no-norm': -0.1,
      'texture-net-with-stage1': 0,
    },
  });
  const cells = all(document, '[aria-label="Verdicts"] tbody tr').map((row) => texts(row, 'th,td'));
  expect(cells.map(([name, verdict]) => [name?.split(/s1/)[0]?.trim(), verdict])).toEqual([
    ['texture-net', ''],
    ['no-deviations', 'confirmed'],
    ['no-norm', 'contradicted'],
    ['with-stage1', 'equivalent'],
  ]);
  expect(texts(document, '.sentence')).toEqual([
    '3 networks compared with texture-net, the reference of this study: 1 worse, 1 better, 1 equivalent within 2 points.',
  ]);
  for (const text of [page, table]) expect(text.includes('the paper')).toBe(false);
});

test('settings are compared with the recipe for the network of the study', () => {
  const recipe = recipeSettings('default', 'texture-net');
  const arms = familyOf('texture-net');
  const study = { arms, recipe: 'default', config: { ...trainingConfigSchema.parse({}), ...recipe } };
  const { markup } = settingsSection({ study } as unknown as Parameters<typeof settingsSection>[0]);
  expect(markup).toContain('learning rate');
  expect(markup).not.toContain('class="chosen"');
});

test('a margin of the study decides what is equivalent', async () => {
  const directory = await inventStudy({ photographsAClass: 12, noise: 0.1, added: { 'no-relu2': 0 } });
  const path = join(directory, 'study.json');
  const study = JSON.parse(await readFile(path, 'utf8'));
  expect(study.marginPoints).toBe(2);
  await writeFile(path, JSON.stringify({ ...study, marginPoints: 0.05 }));
  await writeStudyReport(directory);
  const page = parsed(await readFile(join(directory, 'report.html'), 'utf8'));
  expect(texts(page, '[aria-label="Comparison with the paper"] tbody tr td:nth-child(2)').at(-1)).toBe(
    'undecided',
  );
  expect(page.querySelector('.sentence')?.textContent).toContain('1 undecided');
});

test('the forest plot has an estimate, an interval and the seeds of each network at their positions on the axis', async () => {
  const { document } = await reported();
  for (const layout of ['wide', 'narrow']) {
    const figure = document.querySelector(`.${layout} svg`);
    const marks = (selector: string) => (figure === null ? [] : all(figure, selector));
    expect(marks('.interval line')).toHaveLength(2);
    const rings = marks('.seeds a');
    expect(rings.map((ring) => ring.getAttribute('href') ?? ring.getAttribute('xlink:href'))).toEqual(
      ['no-relu3', 'no-pool2'].flatMap((name) =>
        [1, 2, 3].map((seed) => `runs/${name}-s${seed}/report.html`),
      ),
    );
    const estimates = marks('.estimate circle').map((dot) => numberOf(dot, 'cx'));
    const seeds = marks('.seeds a circle').map((ring) => numberOf(ring, 'cx'));
    // An estimate is the mean of its seeds, and the axis is straight.
    for (const [i, estimate] of estimates.entries()) {
      const own = seeds.slice(3 * i, 3 * i + 3);
      expect(own.reduce((sum, x) => sum + x / 3, 0)).toBeCloseTo(estimate, 0);
    }
    expect(estimates[1]).toBeGreaterThan(Math.max(...seeds.slice(0, 3)));
  }
});

test('a study of one seed has differences, and no interval and no p-value anywhere', async () => {
  const { document, csv, table, page } = await reported({
    seeds: [4],
    added: { 'no-relu1': 0.3, 'no-relu3': 0, 'no-pool2': 0.3, 'no-conv4-pool4': 0 },
    ends: { 'no-conv4-pool4-s4': 'diverged' },
  });
  expect(document.querySelector('.result, .entry')?.textContent).toContain('This study has one seed.');
  expect(table).toContain('**This study has one seed. It has no intervals and no p-values');
  expect(table).not.toMatch(/\d \[[^\]]*\d\]/);
  for (const row of summaryOf(csv).values()) {
    const { difference = '', interval_basis, ...cells } = row;
    expect(interval_basis).toBe('none: one seed');
    expect(difference === '').toBe(row.network === 'reference');
    for (const [name, cell] of Object.entries(cells))
      if (/_low$|_high$|^p$|^p_holm$|^smallest_detectable$/.test(name)) expect(cell, name).toBe('');
  }
  const text = document.querySelector('main')?.textContent ?? '';
  expect(text).not.toContain('Brackets are 95');
  expect(text).not.toMatch(/interval \d|p\s=|p\s<|significant|could have missed/);
  expect(all(document, 'svg .interval line, svg .margin rect')).toEqual([]);
  expect(all(document, '.wide svg .estimate circle')).toHaveLength(3);
  const verdicts = all(document, '[aria-label="Comparison with the paper"] tbody tr').map((row) =>
    texts(row, 'td'),
  );
  expect(verdicts.map(([, , , found]) => found)).toEqual([
    '',
    expect.stringMatching(/^\+\d+\.\d points in seed 4; not tested$/),
    expect.stringMatching(/points in seed 4; not tested$/),
    expect.stringMatching(/^\+\d+\.\d points in seed 4; not tested$/),
    'did not train: 1 of 1 run diverged',
  ]);
  expect(verdicts.map((row) => row[0])).toEqual(['', ...verdicts.slice(1).map(() => 'undecided')]);
  expect(document.querySelector('.sentence')?.textContent).toBe(
    '4 networks compared with the reference: 3 not tested, 1 did not train.',
  );
  expect(page).not.toMatch(/undefined/);
});

test('runs that agree on every patch have no interval of length zero, and nothing "less than 0.0 points"', async () => {
  const { directory } = await reported({ added: { 'no-relu3': 0, 'no-pool2': 0 } });
  for (const seed of [1, 2, 3]) {
    for (const [network, wrong] of [
      ['reference', 0],
      ['no-relu3', 0],
      ['no-pool2', 3],
    ] as const) {
      const path = join(directory, 'runs', `${network}-s${seed}`, 'validation.csv');
      const images = validationFromCsv(await readFile(path, 'utf8'), path);
      await writeFile(path, validationToCsv(images.map((image) => ({ ...image, wrong, top5_wrong: 0 }))));
    }
  }
  await writeStudyReport(directory);
  const table = await readFile(join(directory, 'summary.md'), 'utf8');
  const page = await readFile(join(directory, 'report.html'), 'utf8');
  for (const text of [table, parsed(page).querySelector('main')?.textContent ?? ''])
    expect(text).not.toMatch(/\[0\.0, 0\.0\]|less than 0\.0|0\.0 to 0\.0/);
  expect(table).toMatch(/^\| no-relu3 .*\| no variation /m);
  const sentences = texts(parsed(page), 'section p');
  expect(sentences.find((text) => text.startsWith('no-relu3.'))).toContain(
    'has the same errors as the reference on every photograph in each of 3 seeds.',
  );
  expect(sentences.find((text) => text.startsWith('no-pool2.'))).toContain(
    'has a top-1 error 20.0 points higher than the reference on every photograph in each of 3 seeds. Without variation',
  );
});

test('with five classes or fewer the page says that the top-5 error is 0 unless the loss is not finite', async () => {
  const few = await reported({ labels: ['bark', 'brick', 'glass'] });
  expect(few.document.querySelector('main')?.textContent).toContain(
    'With 3 classes the top-5 error is 0 unless the loss is NaN or infinite',
  );
  const { document } = await reported();
  expect(document.querySelector('main')?.textContent).not.toContain('top-5 error is 0 unless');
});

test('a study without results has a page too', async () => {
  const { document, csv } = await reported({
    seeds: [1],
    ends: { 'reference-s1': 'missing', 'no-relu3-s1': 'missing', 'no-pool2-s1': 'missing' },
  });
  expect(document.querySelector('.sentence')?.textContent).toContain('2 without a result yet');
  expect(summaryOf(csv).get('no-pool2')).toMatchObject({ runs: 'seed 1 missing', seeds: '0', top1err: '' });
});

test('names of classes and networks are text, whatever they contain', async () => {
  const { page } = await reported({
    labels: ['<script>alert(1)</script>', '"><img src=x>', "o'hare, & | co"],
  });
  expect(page).not.toMatch(/<script|<img src=x/);
});

test('controls are named after the ablation that they match, and compared with it', async () => {
  const { directory, document, table } = await reported({
    controls: [
      {
        name: 'reference-with-params-of-no-pool2',
        variant: 'reference',
        width: 0.5,
        controls: { variant: 'no-pool2', measure: 'params' },
      },
    ],
  });
  expect(document.querySelector('main')?.textContent).toContain(
    'The reference with as many parameters as no-pool2',
  );
  expect(table).toContain('reference-with-params-of-no-pool2');
  const [cells = []] = all(document, '[aria-label="Controls"] tbody tr').map((row) => texts(row, 'td'));
  const control = await meanError(directory, 'reference-with-params-of-no-pool2', [1, 2, 3]);
  const difference = 100 * ((await meanError(directory, 'no-pool2', [1, 2, 3])) - control);
  expect(cells[0]).toContain('width 0.5');
  expect(cells[1]).toBe('4,430,077 / 1,108,792');
  expect(cells.at(-1)).toMatch(new RegExp(`^\\+${difference.toFixed(1).replace('.', '\\.')} \\[\\+`));
});
