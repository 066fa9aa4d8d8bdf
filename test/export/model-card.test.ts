import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Marked, type Token } from 'marked';
import { expect, test } from 'vitest';
import { exportModel } from '../../export/export-model.ts';
import { readTrainedRun } from '../../export/trained-run.ts';
import type { Run } from '../../model/run-file.ts';
import { oneLine } from '../../model/words.ts';
import { readRun, writeRun } from '../../node/records.ts';
import { exportHere } from '../support/small-export.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import {
  overconfidentValidation,
  sixTextures,
  type TrainedRunOptions,
  writeKnownScore,
  writeTrainedRun,
} from '../support/trained-run.ts';

/** A narrow network with the validation of 20 photographs, two of which are misclassified. */
const small = { width: 0.1, validation: overconfidentValidation(6) } as const;

/** Writes a run with a changed record, exports it and returns its card. */
async function cardOf(options: TrainedRunOptions, changed: Partial<Run> = {}): Promise<string> {
  const folder = await temporaryFolder();
  const directory = join(folder, 'runs/tiles');
  await writeTrainedRun(directory, options);
  if (options.variant === 'texture-net') await writeKnownScore(directory);
  const run = await readRun(directory);
  await writeRun(directory, { ...run, ...changed });
  const { model } = await exportHere(folder, 'runs/tiles');
  return readFile(join(folder, `models/${model}.md`), 'utf8');
}

/** All tokens of a text, those of tables, lists and paragraphs too. */
function tokensOf(card: string): readonly Token[] {
  const marked = new Marked({ gfm: true });
  const tokens: Token[] = [];
  marked.walkTokens(marked.lexer(card), (token) => void tokens.push(token));
  return tokens;
}

test('the card of a run has its network, errors, limits, examples and training', async () => {
  const { best, data, config } = await recordOf();
  const card = await cardOf(small, {
    best: { ...best, photographTop1err: 0.1, balancedTop1err: 0.3 },
    data: { ...data, source: '/home/someone/tiles/', groups: 30 },
    config: { ...config, data: '/home/someone/tiles/', width: 0.1, augment: 'strong' },
    init: { source: 'C:\\Users\\someone\\first', sha256: 'ab'.repeat(32), keptClasses: [] },
  });
  expect(card).not.toMatch(/someone|undefined|NaN|false/);
  expect(card).toMatch(/^# Model card: `lab-baseline`\n\nClassifies .* into \[6 classes\]\(#classes\)/);
  const headings = [...card.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
  expect(headings).toEqual([
    'Results',
    'Limits',
    'How to use it',
    'Inputs and outputs',
    'Training',
    'Files',
    'Classes',
  ]);
  expect(linesWith(card, 'rror of')).toEqual([
    // Wilson's interval for 2 of 20.
    '- Error of photographs, each classified by at most 15 patches: 10.0 % (95 % interval 2.8 to 30.1 %)',
    expect.stringMatching(/^- Error of single patches: 25\.0 % \(95 % interval 2\d\.\d to [34]\d\.\d %\)$/),
    '- Error of single patches if all classes count the same: 30.0 %',
  ]);
  expect(card).toMatch(/Measured on 20 validation photographs\. They also chose the epoch/);
  expect(card).toMatch(/Calibration error.*: 0\.\d{3} of photographs \(0\.\d{3} without the calibration\)/);
  expect(card).toContain(
    '- Run: `tiles`, started 3 February 2026, 04:05 UTC, with Textura `0.1.0`\n' +
      '- Data: `tiles`, 48 photographs to train and 12 to validate, split by photograph, 30 groups kept together\n' +
      `- Start: the parameters of \`first\`, SHA-256 \`${'ab'.repeat(32)}\`\n` +
      '- Settings: 15 epochs of 12,375 patches, batches of 165, augmentation `strong`, learning rate 0.01 (cosine), seed 7\n' +
      '- Exported: epoch 9, the best epoch\n',
  );
  expect(card).toContain('It cannot tell that a surface is unknown to it.');
  expect(card).toContain('npm run classify -- --model lab-baseline.onnx photo.jpg\n');
  expect(linesWith(card, '`: ').slice(-6)).toEqual(
    sixTextures.map((label, i) => `${i}. \`${label}\`: ${[1, 0, 0, 0, 1, 0][i]} of ${i < 2 ? 4 : 3} wrong`),
  );
});

test('the card says of which classes no photograph was validated', async () => {
  const { labels, logits, ...validation } = overconfidentValidation(6);
  const others = { ...validation, logits, labels: labels.map((label) => Math.max(label, 1)) };
  const card = await cardOf({ ...small, validation: others });
  expect(card).toContain('\n0. `bark`: not measured\n');
  expect(card).toMatch(/\n1\. `brick`: \d+ of \d+ wrong\n/);
});

test('the card lists each file with its SHA-256 and its check, and is replaced with the model', async () => {
  const folder = await temporaryFolder();
  await writeTrainedRun(join(folder, 'one'), small);
  await writeTrainedRun(join(folder, 'two'), { ...small, seed: 8 });
  const path = join(folder, 'models/lab-baseline.md');
  await exportHere(folder, 'one');
  const first = await readFile(path, 'utf8');
  const { graphs } = await exportHere(folder, 'two');
  const second = await readFile(path, 'utf8');
  expect(first).toContain('- Run: `one`');
  expect(second).toContain('- Run: `two`');
  expect(graphs).toHaveLength(2);
  for (const { file, sha256 } of graphs) {
    const [line = ''] = linesWith(second, sha256);
    expect(line).toContain(`- \`${file}\`: `);
    expect(line).toMatch(
      /On 4 patches, .* those of `loops in float64` by at most \d\.\de-\d+ \(allowed 0\.0001\); the top class is the same for 100 %\.$/,
    );
    expect(first).not.toContain(sha256);
  }
  expect(second).toContain('The throughput file is for large batches');
  await exportHere(folder, 'one', 'elsewhere');
  expect(await readFile(join(folder, 'elsewhere/lab-baseline.md'), 'utf8')).toBe(first);
});

test('the card of a model with a known score has its thresholds, unless its only file has none', async () => {
  const options = { ...small, variant: 'texture-net' } as const;
  const card = await cardOf(options);
  expect(card).toContain('`classify` reports a photograph as unknown');
  expect(card).toContain('- `known_score`: float32 [N,1]');
  expect(card).toContain('- `textura.threshold`: {"photograph":0.5,"patch":0.25}');
  const folder = await temporaryFolder();
  await writeTrainedRun(join(folder, 'run'), options);
  await writeKnownScore(join(folder, 'run'));
  const out = join(folder, 'models');
  await exportModel(await readTrainedRun(join(folder, 'run')), { out, opset: 17, graphs: ['throughput'] });
  const other = await readFile(join(out, 'texture-net.md'), 'utf8');
  expect(other).not.toMatch(/known_score|threshold/);
  expect(other).toContain('InferenceSession("texture-net.throughput.onnx")');
});

test('the card of a run without some of these values has no line for them', async () => {
  const { validation: _, ...plain } = small;
  const earlier = await cardOf(plain);
  expect(earlier).not.toMatch(/undefined|NaN|false|null/);
  expect(linesWith(earlier, 'Error of')).toEqual(['- Error of single patches: 25.0 %']);
  expect(earlier).toContain('Its probabilities are not calibrated');
  expect(earlier).toMatch(/\n0\. `bark`\n1\. `brick`\n/);
  const { data } = await recordOf();
  const unmeasured = await cardOf(plain, { data: { ...data, validationImages: 0 } });
  expect(unmeasured).not.toContain('Error of');
  expect(unmeasured).toContain('The error on photographs that it was not trained on is unknown.');
});

test.each<[string, (run: Run) => Partial<Run>]>([
  ['They are fold 2 of 5 and did not choose the epoch.', (run) => withConfig(run, { folds: 5, fold: 2 })],
  ['- Exported: epoch 9, the last epoch', (run) => withConfig(run, { folds: 5, fold: 2 })],
  ['6 other photographs chose the epoch.', ({ data }) => ({ data: { ...data, choosingImages: 6 } })],
  ['The run did not finish (diverged)', () => ({ status: 'diverged', divergedAtEpoch: 11 })],
  ['the errors say nothing about real surfaces', ({ data }) => ({ data: { ...data, source: 'generated' } })],
  ['- Data: generated textures, 48', ({ data }) => ({ data: { ...data, source: 'generated' } })],
])('the card says: %s', async (sentence, change) => {
  expect(await cardOf(small, change(await recordOf()))).toContain(sentence);
});

test('labels and names of every kind stay text, in the order of the outputs', async () => {
  const odd = [
    'a|b\\|c',
    '`one` and ``two``',
    '`',
    '<img src=x onerror=alert(1)>',
    '[link](https://a.example) https://b.example www.c.example d@e.example',
    'two\nlines\n\n# heading',
    ' space ',
    '*bold* _and_ ~~more~~ &amp; 50 %',
    'evil\u001b[2J\u202e',
    '\u7a7a',
    '```\n```',
    ...Array.from({ length: 189 }, (_, i) => `class ${i}`),
  ];
  const { data } = await recordOf();
  const card = await cardOf(
    { width: 0.1, labels: odd },
    { data: { ...data, source: 'photos/`](x) <b>|\n## no' }, textura: '<b>' },
  );
  const tokens = tokensOf(card);
  const kinds = new Set(tokens.map(({ type }) => type));
  for (const kind of ['html', 'image', 'strong', 'em', 'del', 'table']) expect(kinds).not.toContain(kind);
  expect(tokens.filter(({ type }) => type === 'link').map((token) => token.raw)).toEqual([
    '[200 classes](#classes)',
  ]);
  const list = tokens.findLast(({ type }) => type === 'list');
  if (list?.type !== 'list') throw new Error('there is no list of classes');
  expect(list.start).toBe(0);
  expect(list.items).toHaveLength(200);
  expect(list.items.map(({ text }: { text: string }) => shownCode(text))).toEqual(
    odd.map((label) => [oneLine(label)]),
  );
  expect(tokens.filter(({ type }) => type === 'heading')).toHaveLength(8);
});

/** The code spans of a list item. */
function shownCode(text: string): readonly string[] {
  return tokensOf(text).flatMap((token) => (token.type === 'codespan' ? [token.text as string] : []));
}

function linesWith(card: string, part: string): readonly string[] {
  return card
    .split('\n')
    .filter((line) => line.includes(part))
    .map((line) => line.replaceAll('\u00a0', ' '));
}

/** The record that `writeTrainedRun` writes. */
async function recordOf(): Promise<Run & { readonly best: NonNullable<Run['best']> }> {
  const folder = await temporaryFolder();
  await writeTrainedRun(folder, small);
  const { best, ...run } = await readRun(folder);
  if (best === undefined) throw new Error('the run has no best epoch');
  return { ...run, best };
}

function withConfig({ config }: Run, changed: Partial<Run['config']>): Partial<Run> {
  return { config: { ...config, ...changed } };
}
