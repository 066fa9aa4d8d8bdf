import { expect, test } from 'vitest';
import { classScores, mistakes, totalScore } from '../../report/class-scores.ts';

const confusion = {
  labels: ['bark', 'glass', 'knit', 'unseen'],
  counts: [
    [6, 1, 3, 0],
    [0, 20, 0, 0],
    [5, 2, 13, 0],
    [0, 0, 0, 0],
  ],
};

test('classes come worst first, equal ones in label order, those without patches last', () => {
  expect(
    classScores(confusion).map(({ label, patches, wrong, takenInstead }) => [
      label,
      patches,
      wrong,
      takenInstead,
    ]),
  ).toEqual([
    ['bark', 10, 4, 5],
    ['knit', 20, 7, 3],
    ['glass', 20, 0, 3],
    ['unseen', 0, 0, 0],
  ]);
});

test('each class knows the name most often given in error', () => {
  expect(classScores(confusion).map(({ worstMistake }) => worstMistake?.namedAs)).toEqual([
    'knit',
    'bark',
    undefined,
    undefined,
  ]);
});

test('mistakes come by patches, each with the patches of its class', () => {
  expect(mistakes(confusion)).toEqual([
    { trueLabel: 'knit', namedAs: 'bark', count: 5, of: 20 },
    { trueLabel: 'bark', namedAs: 'knit', count: 3, of: 10 },
    { trueLabel: 'knit', namedAs: 'glass', count: 2, of: 20 },
    { trueLabel: 'bark', namedAs: 'glass', count: 1, of: 10 },
  ]);
});

test('the total is of all patches', () => {
  expect(totalScore(confusion)).toEqual({ patches: 50, wrong: 11 });
});
