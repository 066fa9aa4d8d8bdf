import { expect, test } from 'vitest';
import { trainingConfigSchema } from '../../../model/training-config.ts';
import { studyKey } from '../../../study/queue/job.ts';

test('a study whose data have moved has the same jobs; another study has others', () => {
  const {
    variant: _variant,
    width: _width,
    seed: _seed,
    ...config
  } = trainingConfigSchema.parse({ data: 'a', group: 'a.csv' });
  const key = studyKey({ startedAt: '2026-03-07T08:09:10Z', config });
  expect(
    studyKey({ startedAt: '2026-03-07T08:09:10Z', config: { ...config, data: 'b', group: 'b.csv' } }),
  ).toBe(key);
  expect(studyKey({ startedAt: '2026-03-07T08:09:11Z', config })).not.toBe(key);
  expect(studyKey({ startedAt: '2026-03-07T08:09:10Z', config: { ...config, batch: 7 } })).not.toBe(key);
});
