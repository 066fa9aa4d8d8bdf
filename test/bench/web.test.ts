import { expect, test } from 'vitest';
import { openRuntimesBrowser } from '../../bench/web/runtimes-browser.ts';
import { webRuntimes } from '../../bench/web/runtimes-page.ts';
import { webPage } from '../../bench/web-page.ts';
import { chromiumMissing, findChromium } from '../../node/chromium.ts';
import { largestDifference } from '../support/onnx-session.ts';
import { tolerances } from '../tolerances.ts';

test('onnxruntime-web and both backends of TensorFlow.js give the same probabilities, and are timed in turns', {
  timeout: 120_000,
}, async (context) => {
  context.skip(findChromium() === undefined, chromiumMissing);
  const browser = await openRuntimesBrowser('lab-baseline', 7);
  try {
    const ours = await browser.probabilities('onnxruntime-web wasm');
    expect(ours.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 5);
    for (const runtime of webRuntimes) {
      expect(largestDifference(await browser.probabilities(runtime), ours), runtime).toBeLessThan(
        tolerances.probability,
      );
      const { steps, seconds } = await browser.burst(runtime, { warmUpSteps: 1, steps: 2, limitSeconds: 30 });
      expect(steps).toBe(2);
      expect(seconds).toBeGreaterThan(0);
    }
  } finally {
    await browser.close();
  }
});

test('the page of figures tells them beside the aims, and how many times as fast ours is', () => {
  const page = webPage({
    figures: {
      codeBytes: 104_400,
      firstReadingMs: [2600, 1400, 1500],
      framesPerSecond: 29.94,
      frameMs: 21.5,
      heatMapMs: [380.4, 391, 372],
      frames: 10_000,
      heapBytes: [3 * 2 ** 20, 3.1 * 2 ** 20],
      processBytes: [400 * 2 ** 20, 401 * 2 ** 20],
    },
    rows: [
      { runtime: 'ours', rates: [40, 44, 42], difference: 0 },
      { runtime: 'theirs', rates: [20, 11, 21], difference: 3.1e-7 },
    ],
    circumstances: {
      processor: 'a processor',
      cores: 2,
      instructions: ['avx2'],
      memoryBytes: 2 ** 33,
      system: 'a system',
      node: '20.0.0',
      commit: 'abc',
      loadBefore: 0.1,
      startedAt: '2026-02-03T04:05:06Z',
    },
    versions: { Chromium: '1.2' },
    command: 'npm run bench -- web',
  });
  expect(page).toMatch(/live frames a second +\| +29\.9 \| +25 or more/);
  expect(page).toMatch(/gzipped, without onnxruntime +\| +104 kB/);
  expect(page).toMatch(/first reading from an empty cache +\| +1\.5 s/);
  expect(page).toMatch(/theirs +\| +20\.0 \| 15\.5 to 20\.5 \| +2\.0 times \| +3\.1e-7/);
  expect(page).not.toContain('busy');
});
