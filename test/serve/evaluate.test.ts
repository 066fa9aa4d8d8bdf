import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { csvRows } from '../../model/csv.ts';
import { type Evaluation, evaluationSchema } from '../../model/evaluation-file.ts';
import { validationFromCsv, validationToCsv } from '../../model/validation-file.ts';
import { readRun, writeRun } from '../../node/records.ts';
import { evaluationPage } from '../../report/evaluation-page.ts';
import {
  type EvaluateOptions,
  evaluateFolder,
  evaluateOptions,
} from '../../serve/evaluation/evaluate-folder.ts';
import { evaluationText } from '../../serve/evaluation/evaluation-text.ts';
import { runHere, runScript, startArguments } from '../support/command.ts';
import { all, parsed, texts } from '../support/parsed-markup.ts';
import { exportModels } from '../support/running-service.ts';
import { smallPhotographs } from '../support/small-photographs.ts';

let home: string;
const script = (name: string, ...args: readonly string[]) => runScript(name, args, { cwd: home });
const evaluate = (...args: readonly string[]) => script('serve/evaluate.ts', ...args);
/** Options of the function, whose paths are in the test's folder. */
const inHome = (options: Partial<EvaluateOptions>): EvaluateOptions => {
  const paths = ['model', 'run', 'data', 'heldOut', 'unknown', 'compare'] as const;
  const placed = paths.flatMap((key) => {
    const path = options[key];
    return path === undefined ? [] : [[key, join(home, path)] as const];
  });
  const folders = {
    models: join(home, options.models ?? 'models'),
    out: join(home, options.out ?? 'evaluations/here'),
  };
  return evaluateOptions.parse({ ...options, ...Object.fromEntries(placed), ...folders });
};
const withoutHome = (value: unknown): unknown => JSON.parse(JSON.stringify(value).replaceAll(`${home}/`, ''));
const readEvaluation = async (folder: string): Promise<Evaluation> =>
  evaluationSchema.parse(JSON.parse(await readFile(join(home, folder, 'evaluation.json'), 'utf8')));

/** A run that is trained on half of the photographs and exported, and a model with random weights. */
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'textura-evaluate-'));
  const files = {
    ...(await smallPhotographs('photos', ['brick', 'knit', 'water'], 6)),
    ...(await smallPhotographs('other/train', ['brick'], 1)),
    ...(await smallPhotographs('other/test', ['brick', 'marble'], 3)),
    'other/test/brick/cut.png': 'no image',
    'other/test/loose.png': 'no class',
    ...(await smallPhotographs('strange', ['marble', 'pebbles'], 2)),
    ...(await smallPhotographs('strange/pebbles', ['denim'], 1)),
    'strange/loose.png': 'no image',
    'mixed/train/brick/1.png': '',
    'mixed/knit/1.png': '',
    'useless/a/1.txt': 'text',
    'useless/b/2.txt': 'text',
    'nothing/validation.csv': validationToCsv([]),
    'others.csv': 'file,label\nphotos/brick/00.png,brick\nstrange/marble/00.png,marble\n',
    'formulas.csv': 'file,label\nphotos/brick/00.png,brick\nstrange/marble/00.png,=1+1\n',
    'predictions.csv': 'file,label\nphotos/brick/00.png,brick\nphotos/knit/05.png,knit\n',
    'labels.csv':
      'file,label,split\nphotos/brick/00.png,brick,train\n' +
      'photos/brick/01.png,brick,validation\nphotos/knit/05.png,linen,validation\n',
  };
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(home, dirname(name)), { recursive: true });
    await writeFile(join(home, name), content);
  }
  const setting =
    '--network lab-baseline --folds 2 --epochs 2 --patches-per-epoch 30 --batch 5 --engine onnx --learning-rate 0.005';
  const args = [...setting.split(' '), '--data', join(home, 'photos'), '--fold', '2', '--out', 'runs/2'];
  expect(await script('training/train.ts', ...args)).toMatchObject({ status: 0 });
  const exported = await script('export/export.ts', '--run', 'runs/2', '--graph', 'portable');
  expect(exported, exported.stderr).toMatchObject({ status: 0 });
  await cp(join(home, 'runs/2'), join(home, 'runs/copy'), { recursive: true });
  const run = await readRun(join(home, 'runs/2'));
  await writeRun(join(home, 'later/2'), { ...run, startedAt: new Date().toISOString() });
  await exportModels(join(home, 'first'), [{ variant: 'lab-baseline', labels: ['brick', 'knit', 'moss'] }]);
}, 120_000);
afterAll(() => rm(home, { recursive: true }));

test("on a run's held-out photographs the errors are the trainer's, photograph by photograph", async () => {
  const result = await evaluate('--run', 'runs/2');
  expect(result, result.stderr).toMatchObject({ status: 0, stderr: '' });
  const folder = 'evaluations/lab-baseline-photos-held-out';
  const { results, photographs, patches, data } = await readEvaluation(folder);
  const { best } = await readRun(join(home, 'runs/2'));
  const validation = validationFromCsv(await readFile(join(home, 'runs/2/validation.csv'), 'utf8'), 'csv');
  expect([photographs, patches]).toEqual([validation.length, 4 * validation.length]);
  expect(data).toMatchObject({ folder: join(home, 'photos'), heldOut: 'runs/2', skipped: [], notes: [] });
  expect(best?.top1err).toBeGreaterThan(0);
  const differences = [
    (results?.errors.patches.value ?? 1) - (best?.top1err ?? 0),
    (results?.errors.balancedPatches.value ?? 1) - (best?.balancedTop1err ?? 0),
    (results?.errors.photographs.value ?? 1) - (best?.photographTop1err ?? 0),
  ];
  for (const difference of differences) expect(Math.abs(difference)).toBeLessThan(1e-9);
  const [, ...rows] = csvRows(
    await readFile(join(home, folder, 'predictions.csv'), 'utf8'),
    'predictions.csv',
  );
  const own = rows.map(([file, label, prediction, , , count, wrong]) => [
    file,
    label,
    prediction,
    count,
    wrong,
  ]);
  expect(own).toEqual(
    validation.map((image) => [
      image.image,
      image.label,
      image.photograph_prediction,
      String(image.patches),
      String(image.wrong),
    ]),
  );
  // Exported with temperatures, because the run has its validation logits.
  expect(results?.calibration.patches.calibrated?.temperature).toBeGreaterThan(0);
  for (const line of result.stdout.trimEnd().split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
});

test('the default folder is another one for other photographs or another comparison', async () => {
  for (const options of [
    '--data photos',
    '--model models/lab-baseline.onnx --data photos --held-out runs/2 --unknown strange',
    '--model models/lab-baseline.onnx --data other --split all --compare first/lab-baseline.onnx',
  ]) {
    const result = await runHere('serve/evaluate.ts', options.split(' '), { cwd: home });
    expect(result, result.stderr).toMatchObject({ status: 0 });
  }
  expect(await readdir(join(home, 'evaluations'))).toEqual(
    expect.arrayContaining([
      'lab-baseline-photos',
      'lab-baseline-photos-held-out-2-unknown-strange',
      'lab-baseline-other-all-compare-lab-baseline',
    ]),
  );
});

test('a folder with splits, unknown classes and unusable files, and a second model to compare with', async () => {
  const args = '--model models/lab-baseline.onnx --data other --compare first/lab-baseline.onnx --out out';
  const result = await evaluate(...args.split(' '));
  expect(result, result.stderr).toMatchObject({ status: 0, stderr: '' });
  const evaluation = await readEvaluation('out');
  expect(evaluation).toMatchObject({
    photographs: 3,
    patches: 12,
    data: { split: 'test' },
    unknown: [{ label: 'marble', photographs: 3 }],
    comparison: { photographs: 3, model: { file: 'first/lab-baseline.onnx' } },
  });
  expect(evaluation.data.skipped.map(({ name }) => name).sort()).toEqual([
    'test/brick/cut.png',
    'test/loose.png',
  ]);
  const [unknown] = evaluation.unknown;
  expect(unknown?.predictions.reduce((sum, { photographs }) => sum + photographs, 0)).toBe(3);
  const { patchError, onlyOwnRight, onlyOtherRight } = evaluation.comparison ?? {};
  expect(patchError?.own).toBe(evaluation.results?.errors.patches.value);
  expect(patchError?.difference.value).toBeCloseTo((patchError?.own ?? 1) - (patchError?.other ?? 0), 12);
  expect((onlyOwnRight ?? 3) + (onlyOtherRight ?? 3)).toBeLessThanOrEqual(3);
  expect((await readdir(join(home, 'out'))).sort()).toEqual([
    'evaluation.json',
    'predictions.csv',
    'report.html',
  ]);

  const page = await readFile(join(home, 'out/report.html'), 'utf8');
  const document = parsed(page);
  expect(all(document, 'script,link,iframe,[src]:not([src^="data:"])')).toEqual([]);
  expect(all(document, '.sheet img')).toHaveLength(3);
  expect(texts(document, 'h2')).toEqual([
    'Compared with lab-baseline',
    'Worst photographs',
    'Classes',
    'Confusion matrix',
    'Calibration',
    'Unknown classes',
    'Model and data',
  ]);
  expect(page).toContain('marble');

  const { startedAt, speed, ...first } = evaluation;
  const again = await evaluateFolder(
    inHome({ model: 'models/lab-baseline.onnx', data: 'other', compare: 'first/lab-baseline.onnx' }),
  );
  const { startedAt: _, speed: __, ...repeated } = again.evaluation;
  expect(withoutHome(repeated)).toEqual(first);
  expect(Date.parse(startedAt)).not.toBeNaN();
  expect(speed.patchesPerSecond).toBeGreaterThan(0);
});

test('a spreadsheet does not take a label in predictions.csv for a formula', async () => {
  await evaluateFolder(inHome({ model: 'models/lab-baseline.onnx', data: 'formulas.csv', out: 'formulas' }));
  const predictions = await readFile(join(home, 'formulas/predictions.csv'), 'utf8');
  expect(predictions).toContain("\nstrange/marble/00.png,'=1+1,");
});

test('a model compared with itself has a dash for each interval and p-value', async () => {
  const model = 'models/lab-baseline.onnx';
  const { evaluation } = await evaluateFolder(inHome({ model, data: 'other', compare: model, out: 'same' }));
  const dashes = evaluationText(evaluation, 'same').match(/^(?:photographs|patches) .* [+]?0\.0000 +– +–$/gm);
  expect(dashes).toHaveLength(2);
});

test('balanced errors are shown where classes have different numbers of photographs or patches', async () => {
  const { evaluation } = await evaluateFolder(inHome({ model: 'models/lab-baseline.onnx', data: 'photos' }));
  const { results } = evaluation;
  if (results === undefined) throw new Error('no results');
  // Means over classes of equal size may differ from the others by rounding.
  const { patches } = results.errors;
  const rounded = { ...results.errors, balancedPatches: { ...patches, value: patches.value + 1e-16 } };
  const shown = (classes: typeof results.classes) => {
    const shownEvaluation = { ...evaluation, results: { ...results, classes, errors: rounded } };
    return [evaluationText(shownEvaluation, 'out'), evaluationPage(shownEvaluation, new Map())].map((text) =>
      text.includes('photographs, balanced'),
    );
  };
  expect(shown(results.classes)).toEqual([false, false]);
  const absent = { count: 0, right: 0, predicted: 0, precision: null, recall: null };
  expect(shown([...results.classes, { label: 'moss', photographs: absent, patches: absent }])).toEqual([
    false,
    false,
  ]);
  const [first, ...others] = results.classes;
  if (first === undefined) throw new Error('no classes');
  for (const unit of ['photographs', 'patches'] as const) {
    const larger = { ...first, [unit]: { ...first[unit], count: first[unit].count + 1 } };
    expect(shown([larger, ...others])).toEqual([true, true]);
  }
});

test('a run is evaluated by its model, not by a link to the model', async () => {
  await symlink('lab-baseline.onnx', join(home, 'models/alias.onnx'));
  const { evaluation } = await evaluateFolder(inHome({ run: 'runs/2', out: 'unlinked' }));
  expect(evaluation.model).toMatchObject({ name: 'lab-baseline' });
});

test('says so where the photographs may have been trained on', async () => {
  const notesOf = async (options: Partial<EvaluateOptions>) =>
    (await evaluateFolder(inHome({ ...options, out: 'notes' }))).evaluation.data.notes;
  const [own] = await notesOf({ run: 'runs/2', data: 'photos' });
  expect(own).toMatch(/^The model was trained on most of these photographs\..* --held-out .*runs\/2\.$/);
  const { stdout } = await evaluate('--model', model, '--data', 'photos', '--out', 'notes');
  expect(stdout.replaceAll('\n', ' ')).toContain('Note: The model was trained on most of these photographs.');
  const other = { model: 'first/lab-baseline.onnx', data: 'photos', heldOut: 'runs/2' };
  expect((await notesOf(other))[0]).toMatch(/^lab-baseline was not trained on the split of .*runs\/2/);
});

test('the report says that the temperatures were fitted to the photographs, also if the run is the current folder', async () => {
  const args = ['--run', '.', '--models', '../../models', '--out', '../../fitted'];
  const result = await runHere('serve/evaluate.ts', args, { cwd: join(home, 'runs/2') });
  expect(result, result.stderr).toMatchObject({ status: 0 });
  const page = await readFile(join(home, 'fitted/report.html'), 'utf8');
  expect(page).toContain('The two temperatures were fitted to these photographs.');
});

test('a held-out run without its record is refused before any photograph is classified', async () => {
  await cp(join(home, 'runs/2/validation.csv'), join(home, 'unrecorded/validation.csv'));
  const options = inHome({ model, data: 'photos', heldOut: 'unrecorded' });
  const onProgress = vi.fn();
  await expect(evaluateFolder(options, onProgress)).rejects.toMatchObject({ code: 'file-unreadable' });
  expect(onProgress).not.toHaveBeenCalled();
});

test('photographs that vanish before their pictures are made are shown without pictures', async () => {
  await cp(join(home, 'photos'), join(home, 'vanishing'), { recursive: true });
  const options = inHome({ model, data: 'vanishing', out: 'vanished' });
  const { evaluation } = await evaluateFolder(options, (done, total) => {
    if (done === total) rmSync(join(home, 'vanishing'), { recursive: true });
  });
  expect(evaluation.photographs).toBe(18);
  const page = await readFile(join(home, 'vanished/report.html'), 'utf8');
  expect(page).toContain(evaluation.results?.worst[0]?.file);
  expect(page).not.toContain('<img');
});

test('a CSV file of labels is evaluated like a folder, by default its validation photographs', async () => {
  const options = { model: 'models/lab-baseline.onnx', data: 'labels.csv', out: 'csv' };
  const { evaluation } = await evaluateFolder(inHome(options));
  expect(evaluation).toMatchObject({
    data: { folder: join(home, 'labels.csv'), split: 'val', skipped: [] },
    photographs: 1,
    unknown: [{ label: 'linen', photographs: 1 }],
  });
  const all = await evaluateFolder(inHome({ ...options, split: 'all' }));
  expect(all.evaluation.photographs).toBe(2);
});

test('a folder of other surfaces is listed by its sub-folders, and cannot have a class of the model', async () => {
  const { evaluation } = await evaluateFolder(inHome({ run: 'runs/2', unknown: 'strange', out: 'others' }));
  expect(evaluation.unknown.map(({ label, photographs }) => [label, photographs])).toEqual([
    ['marble', 2],
    ['pebbles', 3],
  ]);
  expect(evaluation.photographs).toBe(9);
  expect(evaluation.data).toMatchObject({
    unknown: join(home, 'strange'),
    skipped: [{ name: 'strange/loose.png' }],
    notes: ['lab-baseline cannot tell unknown surfaces from its classes: only models of texture-net can.'],
  });
  expect(evaluation).not.toHaveProperty('recognition');
  const predictions = await readFile(join(home, 'others/predictions.csv'), 'utf8');
  expect(predictions).toContain('\nstrange/pebbles/denim/00.png,pebbles,');
});

test('photographs that the run was trained on are no other surfaces, also by a link', async () => {
  const held = validationFromCsv(await readFile(join(home, 'runs/2/validation.csv'), 'utf8'), 'csv');
  const names = new Set(held.map(({ image }) => image));
  const trained = ['00', '01', '02', '03', '04', '05'].find((name) => !names.has(`brick/${name}.png`));
  await mkdir(join(home, 'linked/odd'), { recursive: true });
  await symlink(join(home, `photos/brick/${trained}.png`), join(home, 'linked/odd/1.png'));
  await expect(evaluateFolder(inHome({ run: 'runs/2', unknown: 'linked' }))).rejects.toThrow(
    '--unknown: linked/odd/1.png is also in the data: expected photographs of other surfaces',
  );
});

const model = 'models/lab-baseline.onnx';

test('a run on generated textures has no files to evaluate', async () => {
  const path = join(home, 'runs/2/run.json');
  const text = await readFile(path, 'utf8');
  const run = JSON.parse(text);
  await writeFile(path, JSON.stringify({ ...run, data: { ...run.data, source: 'generated' } }));
  await expect(evaluateFolder(inHome({ run: 'runs/2' }))).rejects.toThrow(
    /runs\/2 was trained on generated textures, of which there are no files; name a folder .* with --data$/,
  );
  await writeFile(path, text);
});

test.each<[Partial<EvaluateOptions>, string, RegExp]>([
  [{}, 'usage', /^expected --data DIR or --run RUN$/],
  [
    { data: 'photos', models: 'nothing' },
    'model-not-found',
    /^there is no model in .*nothing\/: train one with/,
  ],
  [{ model, run: 'runs/2' }, 'usage', /^--model and --run cannot be used together$/],
  [{ model: 'photos', data: 'photos' }, 'model-not-found', /photos: expected an ONNX file, got a folder$/],
  [{ model }, 'usage', /^expected --data DIR$/],
  [
    { model, data: 'photos', out: 'photos/evaluation' },
    'usage',
    /photos\/evaluation: is inside the data folder/,
  ],
  [
    { model, data: 'predictions.csv', out: '.' },
    'usage',
    /predictions\.csv: would replace the data; choose another folder with --out$/,
  ],
  [{ run: 'runs/copy' }, 'model-not-found', /npm run export -- --run .*runs\/copy --out /],
  [{ run: 'later/2' }, 'model-not-found', /has no model of .*later\/2: run npm run export/],
  [{ run: 'photos' }, 'file-unreadable', /is .*photos a run directory\?/],
  [{ model: 'none.onnx', data: 'photos' }, 'model-not-found', /none\.onnx: there is no such file/],
  [{ model, data: 'none' }, 'data-unusable', /got a path that does not exist/],
  [
    { model, data: 'photos/brick' },
    'data-unusable',
    /directly contains images\. Did you mean --data .*photos\?/,
  ],
  [{ model, data: 'photos', split: 'val' }, 'usage', /has no train, val or test folders/],
  [{ model, data: 'other', split: 'val' }, 'data-unusable', /has only test and train$/],
  [{ model, data: 'labels.csv', split: 'test' }, 'data-unusable', /has only train and val$/],
  [{ model, data: 'photos', split: 'all', heldOut: 'runs/2' }, 'usage', /cannot be used together/],
  [{ model, data: 'photos', heldOut: 'photos' }, 'file-unreadable', /is .*photos a finished run\?/],
  [{ model, data: 'other', heldOut: 'runs/2' }, 'data-unusable', /9 of which are not in .*other, such as/],
  [{ model, data: 'photos', heldOut: 'nothing' }, 'data-unusable', /nothing held out no photographs/],
  [{ model, data: 'mixed' }, 'data-unusable', /A class cannot have the name of a split/],
  [
    { model, data: 'photos', unknown: 'photos/brick' },
    'data-unusable',
    /^--unknown: brick.00\.png is in a folder named like a class of lab-/,
  ],
  [
    { model, data: 'photos', unknown: 'other' },
    'data-unusable',
    /^--unknown: other.test.brick.\S+ is in a folder named like a class of lab-/,
  ],
  [
    { model, data: 'others.csv', unknown: 'strange' },
    'data-unusable',
    /^--unknown: strange.marble.00\.png is also in the data: expected photographs of other surfaces$/,
  ],
  [
    { model, data: 'photos', unknown: 'useless' },
    'data-unusable',
    /useless: none of its 2 files can be used, such as useless\/a\/1\.txt: /,
  ],
  [
    { model, data: 'useless', unknown: 'strange' },
    'data-unusable',
    /useless: none of its 2 files can be used, such as a\/1\.txt: /,
  ],
  [
    { model, data: 'photos', unknown: 'none' },
    'data-unusable',
    /none: expected a folder of photographs, got/,
  ],
  [
    { model, data: 'photos', unknown: 'other', out: 'other/evaluation' },
    'usage',
    /other\/evaluation: is inside the data folder/,
  ],
  [{ model, data: 'useless' }, 'data-unusable', /none of its 2 files can be used, such as a\/1\.txt: /],
])('%j is refused as %s', async (options, code, message) => {
  await expect(evaluateFolder(inHome(options))).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message),
  });
});

test.skipIf(process.platform === 'win32')(
  'if no file descriptor is free, an evaluation fails instead of skipping photographs',
  () => {
    const module = 'test/support/evaluation-without-descriptors.ts';
    const node = [process.execPath, ...startArguments(module), join(home, 'photos/brick/00.png')];
    const limited = ['-c', 'ulimit -n 1000 && exec "$0" "$@"', ...node];
    const { stdout, stderr } = spawnSync('sh', limited, { encoding: 'utf8' });
    expect({ stdout, stderr }).toEqual({ stdout: '0 skipped, descriptors-exhausted', stderr: '' });
  },
  30_000,
);
