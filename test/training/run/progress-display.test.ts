import { expect, test, vi } from 'vitest';
import type { MetricsRow } from '../../../model/metrics.ts';
import type { Dataset } from '../../../training/data/dataset.ts';
import {
  dataText,
  outcomeText,
  progressDisplay,
  quickstartVariable,
} from '../../../training/run/progress-display.ts';
import { recordingTerminal } from '../../support/recording-terminal.ts';

const dataset: Dataset = {
  ...{ source: 'photos', labels: ['a', 'b', 'c', 'd', 'e', 'f'], train: [], validation: [] },
  ...{
    fingerprint: '',
    contentFingerprint: '',
    skipped: [],
    notes: [],
    groups: undefined,
    pixels: undefined,
  },
};

test('only the first ten notes and skipped files are shown, cut to a readable length', () => {
  const many = Array.from({ length: 12 }, (_, i) => i + 1);
  const text = dataText({
    ...dataset,
    notes: ['x'.repeat(1000), ...many.map((i) => `note ${i}`)],
    skipped: many.map((i) => ({ name: `brick/${i}.txt`, why: 'a text' })),
  });
  const lines = text.split('\n');
  expect(lines[1]).toBe(`  ${'x'.repeat(400)}...`);
  expect(lines.slice(10, 14)).toEqual([
    '  note 9',
    '  and 3 more, all in run.json',
    '  12 files were skipped:',
    '    brick/1.txt: a text',
  ]);
  expect(lines.at(-1)).toBe('    and 2 more, all in run.json');
});

const rows: readonly MetricsRow[] = (['train', 'val'] as const).map((split) => ({
  ...{ epoch: 1, split, objective: 0.5, top1err: 0.25, top5err: 0.125 },
  ...{ images_per_second: 10, learning_rate: 0.1, seconds: 1 },
}));

function linesOf(balanced: number | undefined, classes: number): readonly string[] {
  const terminal = recordingTerminal();
  const [train, val] = rows as [MetricsRow, MetricsRow];
  const history = [train, balanced === undefined ? val : { ...val, balanced_top1err: balanced }];
  const display = progressDisplay(terminal, { epochs: 12, classes, device: 'cpu' });
  display.epochEnded(history);
  display.epochEnded(history);
  return terminal.lines;
}

test('a slow first step on a GPU is explained, once, and a fast one or one on the CPU is not', () => {
  const linesWith = (device: string, firstStepMs: number) => {
    const terminal = recordingTerminal();
    let timeMs = 100;
    const display = progressDisplay(terminal, { epochs: 3, classes: 7, device }, () => timeMs);
    const scores = { objective: 0.5, top1err: 0.25, top5err: 0 };
    for (const step of [1, 2]) {
      timeMs += step === 1 ? firstStepMs : 5000;
      display.stepped({ epoch: 1, step, stepsPerEpoch: 4, scores, imagesPerSecond: 10 });
    }
    return terminal.lines;
  };
  expect(linesWith('cuda', 3456)).toEqual([
    expect.stringMatching(/^The first step took 3\.5 s: the GPU's libraries load/),
  ]);
  expect(linesWith('cuda', 1500)).toEqual([]);
  expect(linesWith('cpu', 3456)).toEqual([]);
});

test('epochs are lines below headings, in 80 columns', () => {
  expect(linesOf(0.5, 6)).toEqual([
    'epoch   training loss  error  validation loss  error  balanced  top-5  img/s',
    ' 1/12           0.500  0.250            0.500  0.250     0.500  0.125     10',
    ' 1/12           0.500  0.250            0.500  0.250     0.500  0.125     10',
  ]);
});

test('the balanced error is shown only if it differs, and the top-5 error only with more than five classes', () => {
  for (const balanced of [0.25, undefined]) {
    expect(linesOf(balanced, 6)[0]).toMatch(/ error {2}top-5 {2}img\/s$/);
    expect(linesOf(balanced, 5)[0]).toMatch(/ error {2}img\/s$/);
  }
  const best = { epoch: 1, top1err: 0.25, top5err: 0, objective: 0.5, balancedTop1err: 0.5 };
  const outcome = { status: 'finished', history: rows, endedEarly: false } as const;
  expect(outcomeText(outcome, 'runs/a', best, 7)).toContain('top-1 error 0.250 (balanced 0.500) of patches');
});

const few: Dataset = { ...dataset, labels: ['brick', 'knit', 'two\nlines'] };
const skippedFiles = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ name: `brick/${i}.txt`, why: 'a text' }));
const kept = { epoch: 3, top1err: 0.25, top5err: 0.125, objective: 0.9 };

test('files and images are counted with the right plural', () => {
  expect(dataText({ ...few, skipped: skippedFiles(1) })).toContain('  1 file was skipped:\n');
  expect(dataText({ ...few, skipped: skippedFiles(2000) })).toContain('  2,000 files were skipped:\n');
  expect(dataText(few)).toContain('Data: photos: 3 classes, 0 training and 0 validation images');
  expect(dataText({ ...few, source: 'generated' })).toContain(
    'generated textures; --data FOLDER trains on your photographs',
  );
});

test('each note and each file that was skipped stays on its line', () => {
  const text = dataText({
    ...few,
    source: 'photos\nrc=0',
    notes: ['two\nlines: folders'],
    skipped: [{ name: 'brick/a\nb.txt', why: 'a link that leads to c\nd' }],
  });
  expect(text.split('\n')).toEqual([
    'Data: photos\\nrc=0: 3 classes, 0 training and 0 validation images',
    '  two\\nlines: folders',
    '  1 file was skipped:',
    '    brick/a\\nb.txt: a link that leads to c\\nd',
  ]);
});

test.each([
  [{ status: 'finished', history: [], endedEarly: false }, "npm run export -- --run 'runs/my tiles'"],
  [{ status: 'stopped', history: [], epoch: 2 }, "npm run train -- --out 'runs/my tiles' --resume"],
] as const)('what to do next is a command to paste: %o', (outcome, command) => {
  expect(outcomeText(outcome, 'runs/my tiles', kept, 7)).toContain(command);
});

test('a step of quickstart leaves out the next command, which quickstart runs itself', () => {
  const outcome = { status: 'finished', history: [], endedEarly: false } as const;
  expect(outcomeText(outcome, 'runs/a', kept, 7)).toContain('Next:');
  vi.stubEnv(quickstartVariable, '1');
  expect(outcomeText(outcome, 'runs/a', kept, 7)).not.toContain('Next:');
});

test.each([
  ['not finite', /^diverged at epoch 2: the loss became NaN or infinite\. Best epoch 3/],
  ['exploded', /^diverged at epoch 2: the loss rose above 10 times that of guessing \(1\.946\) and/],
] as const)('a run that diverged says how: %s', (kind, words) => {
  const text = outcomeText({ status: 'diverged', history: [], epoch: 2, kind }, 'runs/a', kept, 7);
  expect(text).toMatch(words);
  expect(text).toContain('a lower --learning-rate');
});

test('a fold that diverged names its last epoch, which it keeps', () => {
  const outcome = { status: 'diverged', history: [], epoch: 4, kind: 'not finite' } as const;
  const text = outcomeText(outcome, 'runs/a/fold-1', kept, 7, { isFold: true });
  expect(text).toMatch(/^diverged at epoch 4: the loss became NaN or infinite\. Last epoch 3: /);
});

test('a run that is no better than guessing says so', () => {
  const finished = { status: 'finished', history: [], endedEarly: false } as const;
  expect(outcomeText(finished, 'runs/a', { ...kept, top1err: 0.75 }, 4)).toContain(
    'This is no better than guessing (0.750).',
  );
  expect(outcomeText(finished, 'runs/a', { ...kept, top1err: 0.74 }, 4)).not.toContain('guessing');
});
