import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type ValidatedImage, validationFromCsv, validationToCsv } from '../../../model/validation-file.ts';
import { foldDirectory, foldsText, summariseFolds } from '../../../training/run/folds.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const image = (name: string, wrong: number, isRight: boolean): ValidatedImage => ({
  image: name,
  label: 'bark',
  patches: 4,
  wrong,
  top5_wrong: 0,
  photograph_prediction: isRight ? 'bark' : 'wood',
});

async function foldsOf(...folds: readonly (readonly ValidatedImage[])[]): Promise<string> {
  const directory = await temporaryFolder();
  for (const [i, images] of folds.entries()) {
    const own = foldDirectory(directory, i + 1);
    await mkdir(own);
    await writeFile(join(own, 'validation.csv'), validationToCsv(images));
  }
  return directory;
}

test('folds are combined by photograph and by patch, with intervals', async () => {
  const first = [image('a', 0, true), image('b', 1, true), image('c', 4, false)];
  const second = [image('d', 2, true), image('e', 0, true)];
  const directory = await foldsOf(first, second);
  const summary = await summariseFolds(directory, 2);
  expect(
    summary.folds.map(({ photographs, patchError, photographError }) => [
      photographs,
      patchError,
      photographError,
    ]),
  ).toEqual([
    [3, 5 / 12, 1 / 3],
    [2, 2 / 8, 0],
  ]);
  expect(summary.photographs).toBe(5);
  expect(summary.patchError.error).toBe(7 / 20);
  // Resampled photographs have between none and all of their patches wrong; the middle 95 % holds the error.
  const [low, high] = summary.patchError.interval;
  expect(low).toBeGreaterThanOrEqual(0);
  expect(low).toBeLessThan(7 / 20);
  expect(high).toBeGreaterThan(7 / 20);
  expect(high).toBeLessThanOrEqual(1);
  // Wilson's interval of 1 in 5, as R's prop.test(1, 5, correct = FALSE) gives it.
  expect(summary.photographError.error).toBe(1 / 5);
  expect(summary.photographError.interval[0]).toBeCloseTo(0.03622, 4);
  expect(summary.photographError.interval[1]).toBeCloseTo(0.62446, 4);
  const union = await readFile(join(directory, 'validation.csv'), 'utf8');
  expect(validationFromCsv(union, 'union')).toEqual([...first, ...second]);
  expect(JSON.parse(await readFile(join(directory, 'folds.json'), 'utf8'))).toEqual(summary);
  expect(foldsText(summary)).toContain('error of photographs  0.2000 (95 % interval 0.0362 to 0.6245)');
});

test('zero errors still have an interval', async () => {
  const summary = await summariseFolds(await foldsOf([image('a', 0, true)], [image('b', 0, true)]), 2);
  expect(summary.photographError.interval[0]).toBe(0);
  expect(summary.photographError.interval[1]).toBeGreaterThan(0.5);
});

test('an error that is the same for all photographs of a class still has an interval', async () => {
  const wood = { label: 'wood', photograph_prediction: 'bark' };
  const summary = await summariseFolds(
    await foldsOf(
      [image('a', 0, true), { ...image('b', 4, false), ...wood }],
      [image('c', 0, true), { ...image('d', 4, false), ...wood }],
    ),
    2,
  );
  expect(summary.patchError.error).toBe(1 / 2);
  // Wilson's interval of 2 in 4, as R's prop.test(2, 4, correct = FALSE) gives it.
  expect(summary.patchError.interval[0]).toBeCloseTo(0.15004, 4);
  expect(summary.patchError.interval[1]).toBeCloseTo(0.84996, 4);
});

test('one photograph that is partly wrong shows nothing of others', async () => {
  const { patchError } = await summariseFolds(await foldsOf([image('a', 1, true)], []), 2);
  expect(patchError).toEqual({ error: 1 / 4, interval: [0, 1] });
});

test('a fold without its validation is an error that names the file', async () => {
  const directory = await foldsOf([image('a', 0, true)]);
  await expect(summariseFolds(directory, 2)).rejects.toMatchObject({
    code: 'file-unreadable',
    message: expect.stringContaining('fold-2/validation.csv: cannot be read'),
  });
});

test('folds that held out the same photograph are an error that names it', async () => {
  const directory = await foldsOf([image('a', 0, true), image('b', 0, true)], [image('b', 0, true)]);
  await expect(summariseFolds(directory, 2)).rejects.toThrow(
    /several folds held out b, because the photographs or their groups changed/,
  );
});
