import { expect, test } from 'vitest';
import { chromiumMissing, findChromium } from '../../bench/web/chromium.ts';
import { benchWebTraining } from '../../bench/web-training.ts';
import { recordingTerminal } from '../support/recording-terminal.ts';

test('reads the memory of the page and of the GPU process at the steps that were asked for', {
  timeout: 240_000,
}, async (context) => {
  context.skip(findChromium() === undefined, chromiumMissing);
  context.skip(process.env.TEXTURA_TEST_WEBGPU === undefined, 'set TEXTURA_TEST_WEBGPU=1 to run it');
  const terminal = recordingTerminal();
  await benchWebTraining({ variant: 'lab-baseline', width: 0.05, batch: 3, steps: 5, every: 2 }, terminal);
  const readings = terminal.lines.slice(1).map((line) => line.match(/\d+/g)?.map(Number) ?? []);
  expect(readings.map(([step]) => step)).toEqual([1, 2, 4, 5]);
  for (const [, page = 0, gpu = 0] of readings) expect(Math.min(page, gpu)).toBeGreaterThan(32);
});
