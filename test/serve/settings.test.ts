import { expect, test } from 'vitest';
import { resolveSettings, serveOptions } from '../../serve/settings.ts';

const settings = (cores: number, options: object = {}) => {
  const { inferenceWorkers, inferenceThreads, soloThreads, batchPatches } = resolveSettings(
    serveOptions.parse(options),
    {},
    cores,
  );
  return [inferenceWorkers, inferenceThreads, soloThreads, batchPatches];
};

test('parallel batches share the cores, a single batch uses all of them', () => {
  expect(settings(1)).toEqual([1, 1, 1, 16]);
  expect(settings(2)).toEqual([2, 1, 2, 16]);
  expect(settings(6)).toEqual([4, 1, 6, 16]);
  expect(settings(16)).toEqual([4, 4, 16, 32]);
});

test('no run has more threads than requested or than there are cores', () => {
  expect(settings(8, { inferenceWorkers: 1, inferenceThreads: 1 })).toEqual([1, 1, 1, 16]);
  expect(settings(8, { inferenceWorkers: 2, inferenceThreads: 2 })).toEqual([2, 2, 4, 32]);
  expect(settings(2, { inferenceWorkers: 2, inferenceThreads: 4 })).toEqual([2, 4, 2, 32]);
  expect(settings(8, { inferenceWorkers: 2 })).toEqual([2, 4, 8, 32]);
});

test('a key that is too short is rejected, and not repeated', () => {
  expect(() => resolveSettings(serveOptions.parse({}), { TEXTURA_API_KEY: 'secret' }, 2)).toThrow(
    expect.objectContaining({
      code: 'usage',
      message: 'TEXTURA_API_KEY: expected 16 characters or more',
    }),
  );
});
