import { expect, test } from 'vitest';
import { trainedBy } from '../../study/estimate.ts';
import type { RunWithState } from '../../study/study-directory.ts';
import { inventedRun } from '../support/invented-run.ts';

function finishedOn(device: 'cpu' | 'cuda'): RunWithState {
  const plain = inventedRun({});
  const run = { ...plain, stretches: plain.stretches.map((stretch) => ({ ...stretch, device })) };
  const arm = { name: 'reference', variant: 'reference', width: 1 } as const;
  return {
    run: { name: `reference-${device}`, arm, seed: 1, directory: '' },
    state: { status: 'finished', run },
  };
}

test.each([
  ['cpu', 'reference-cpu'],
  ['cuda', 'reference-cuda'],
  ['gpu', 'reference-cuda'],
  ['webgpu', undefined],
] as const)('a run on %s is timed by one on the same device', (device, name) => {
  const runs = [finishedOn('cuda'), finishedOn('cpu')];
  expect(trainedBy({ engine: 'onnx', device }, runs)?.run.name).toBe(name);
});

test('a run of another engine times nothing', () => {
  expect(trainedBy({ engine: 'tfjs', device: 'cpu' }, [finishedOn('cpu')])).toBeUndefined();
});
