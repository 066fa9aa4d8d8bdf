import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  classScores,
  confusionFromCsv,
  confusionToCsv,
  mistakes,
  readConfusion,
  totalScore,
  writeConfusion,
} from '../../report/confusion.ts';

test('the file has the predicted classes as its header and the true class first in each row', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'textura-confusion-'));
  await writeConfusion(
    directory,
    ['brick', 'knit, wool', 'the "new" one'],
    [
      [5, 1, 0],
      [2, 7, 3],
      [0, 0, 11],
    ],
  );
  expect(await readFile(join(directory, 'confusion.csv'), 'utf8')).toBe(
    [
      'true class,brick,"knit, wool","the ""new"" one"',
      'brick,5,1,0',
      '"knit, wool",2,7,3',
      '"the ""new"" one",0,0,11',
      '',
    ].join('\n'),
  );
});

test('the file round-trips with any class names', () => {
  const names = fc.uniqueArray(
    fc.oneof(fc.string({ unit: 'grapheme', minLength: 1 }), fc.stringMatching(/^[",\r\n a]+$/)),
    {
      minLength: 1,
      maxLength: 6,
    },
  );
  fc.assert(
    fc.property(names, (labels) => {
      const counts = labels.map((_, t) => labels.map((_, n) => 10 * t + n));
      expect(confusionFromCsv(confusionToCsv({ labels, counts }), 'x.csv')).toEqual({ labels, counts });
    }),
  );
});

test('numbered classes keep the order of the network', () => {
  const labels = ['1', '10', '2'];
  const counts = [
    [1, 2, 3],
    [4, 5, 6],
    [7, 8, 9],
  ];
  expect(confusionFromCsv(confusionToCsv({ labels, counts }), 'x.csv')).toEqual({ labels, counts });
});

test('line ends of other systems are read', () => {
  expect(confusionFromCsv('true class,a,b\r\na,1,2\r\nb,3,4\r\n', 'x.csv').counts).toEqual([
    [1, 2],
    [3, 4],
  ]);
});

test.each([
  ['another header', 'class,a,b\na,1,2\nb,3,4\n', 'expected a header that begins with "true class"'],
  ['a missing row', 'true class,a,b\na,1,2\n', 'a row for each of its 2 classes, got 1 rows'],
  ['a row of another class', 'true class,a,b\nb,1,2\na,3,4\n', 'row 2: expected "a" and 2 counts'],
  ['a short row', 'true class,a,b\na,1\nb,3,4\n', 'row 2'],
  ['a count that is none', 'true class,a,b\na,1,2\nb,3,-4\n', 'row 3'],
  ['a cut quotation', 'true class,a,"b\na,1,2\n', 'stray quote'],
])('%s is a damaged file, named with its place', (_, text, message) => {
  expect(() => confusionFromCsv(text, 'runs/x/confusion.csv')).toThrow(
    expect.objectContaining({ code: 'file-damaged', message: expect.stringContaining(message) }),
  );
  expect(() => confusionFromCsv(text, 'runs/x/confusion.csv')).toThrow('runs/x/confusion.csv');
});

test('counts that are not square are rejected before anything is written', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'textura-confusion-'));
  await expect(writeConfusion(directory, ['a', 'b'], [[1, 2], [3]])).rejects.toThrow('expected 2 rows of 2');
  expect(await readConfusion(directory)).toBeUndefined();
});

test('an existing file that cannot be read is an error, not a missing file', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'textura-confusion-'));
  await writeFile(join(directory, 'not-a-folder'), '');
  await expect(readConfusion(join(directory, 'not-a-folder'))).rejects.toMatchObject({
    code: 'file-unreadable',
  });
});

const confusion = {
  labels: ['bark', 'glass', 'knit', 'unseen'],
  counts: [
    [6, 1, 3, 0],
    [0, 20, 0, 0],
    [5, 2, 13, 0],
    [0, 0, 0, 0],
  ],
};

test('classes are sorted worst first, equal ones in label order, those without patches last', () => {
  expect(
    classScores(confusion).map(({ label, patches, wrong, falsePositives }) => [
      label,
      patches,
      wrong,
      falsePositives,
    ]),
  ).toEqual([
    ['bark', 10, 4, 5],
    ['knit', 20, 7, 3],
    ['glass', 20, 0, 3],
    ['unseen', 0, 0, 0],
  ]);
});

test('each class has its most frequent wrong prediction', () => {
  expect(classScores(confusion).map(({ worstMistake }) => worstMistake?.predicted)).toEqual([
    'knit',
    'bark',
    undefined,
    undefined,
  ]);
});

test('mistakes are sorted by patches, each with the patches of its class', () => {
  expect(mistakes(confusion)).toEqual([
    { trueLabel: 'knit', predicted: 'bark', count: 5, of: 20 },
    { trueLabel: 'bark', predicted: 'knit', count: 3, of: 10 },
    { trueLabel: 'knit', predicted: 'glass', count: 2, of: 20 },
    { trueLabel: 'bark', predicted: 'glass', count: 1, of: 10 },
  ]);
});

test('the total is of all patches', () => {
  expect(totalScore(confusion)).toEqual({ patches: 50, wrong: 11 });
});
