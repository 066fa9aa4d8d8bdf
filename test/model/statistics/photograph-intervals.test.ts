import { expect, test } from 'vitest';
import { randomStream } from '../../../model/random.ts';
import { resampling } from '../../../model/statistics/photograph-intervals.ts';

test.each([
  [6, 2],
  [12, 2],
  [3, 3],
  [6, 6],
])(
  'intervals over %i photographs of %i classes contain the true mean in 19 of 20 samples',
  (size, classes) => {
    const random = randomStream(1, 'photographs', size);
    const photographs = Array.from({ length: size }, (_, i) => ({ file: `${i}`, label: `${i % classes}` }));
    const whole = photographs.map(() => 1);
    const resampled = resampling(photographs);
    const samples = 1000;
    let covered = 0;
    for (let sample = 0; sample < samples; sample++) {
      const part = photographs.map(() => random.normal());
      const { interval } = resampled.mean({ part, whole }, { low: -10, high: 10 });
      if (interval !== null && interval.low <= 0 && interval.high >= 0) covered++;
    }
    expect(covered / samples).toBeGreaterThan(0.93);
    expect(covered / samples).toBeLessThan(0.97);
  },
);
