import { expect, test } from 'vitest';
import type { Confusion } from '../../../report/confusion.ts';
import { classChanges } from '../../../study/report/class-changes.ts';
import { type ArmResults, readStudyResults } from '../../../study/report/results.ts';
import { inventStudy } from '../../support/invented-study.ts';

const labels = ['bark', 'brick', 'knit'];

/** The arm with these counts in each of its runs. */
function withCounts(arm: ArmResults, counts: readonly Confusion['counts'][]): ArmResults {
  const runs = arm.runs.map((run, s) => {
    const ofSeed = counts[s];
    const confusion = ofSeed && { labels, counts: ofSeed };
    return { ...run, results: run.results && { ...run.results, confusion } };
  });
  return { ...arm, runs };
}

test('the change of a class is the difference of its errors, averaged over common seeds', async () => {
  const [reference, arm] = (await readStudyResults(await inventStudy({ labels }))).arms;
  if (reference === undefined || arm === undefined) throw new Error('expected two arms');
  const before = withCounts(reference, [
    [
      [8, 2, 0],
      [0, 20, 0],
      [1, 1, 8],
    ],
    [
      [10, 0, 0],
      [0, 10, 0],
      [0, 0, 10],
    ],
  ]);
  const after = withCounts(arm, [
    [
      [4, 2, 4],
      [5, 15, 0],
      [0, 0, 10],
    ],
    [
      [8, 0, 2],
      [0, 10, 0],
      [0, 0, 10],
    ],
    [
      [0, 0, 10],
      [0, 0, 10],
      [10, 0, 0],
    ],
  ]);
  const found = classChanges(after, before);
  expect(found.map(({ label, change }) => [label, Number(change.toFixed(6))])).toEqual([
    ['bark', 0.3],
    ['brick', 0.125],
    ['knit', -0.1],
  ]);
  expect(found[0]?.confusedWith).toEqual({ label: 'knit', change: expect.closeTo(0.3, 12) });
  expect(found[2]?.confusedWith).toBeUndefined();
});
