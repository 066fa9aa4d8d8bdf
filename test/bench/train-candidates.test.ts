import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startCandidate } from '../../bench/candidate.ts';
import { browserName, candidatesOf, type Peers, type TrainComparison } from '../../bench/train-candidates.ts';
import { networkOf, variantNames } from '../../model/network.ts';

const comparison = { variant: 'no-pool1', threads: 2, batch: 3, data: 'generated' } as const;
const none: Peers = {
  hasTfjs: false,
  hasChromium: false,
  hasBfloat16: true,
  pytorch: undefined,
  tensorflow: undefined,
};
const all = { ...none, hasTfjs: true, hasChromium: true, pytorch: 'python3', tensorflow: 'python3' };

test('candidates that the machine cannot run are left out', () => {
  const names = (own: TrainComparison, peers: Peers) => candidatesOf(own, peers).map(({ plan }) => plan.name);
  // The engine and two matrix products.
  expect(names(comparison, none)).toHaveLength(3);
  expect(names(comparison, all)).toHaveLength(8);
  expect(names(comparison, { ...all, hasBfloat16: false })).not.toContain(
    'PyTorch, channels_last, bf16 autocast',
  );
  expect(names(comparison, all)).not.toContain(browserName);
  expect(names({ ...comparison, threads: 1 }, all)).toContain(browserName);
  expect(names({ ...comparison, variant: 'reference' }, none)).toContain(
    'onnx engine with data pipeline, jitter64',
  );
  expect(names({ ...comparison, variant: 'texture-net' }, none)).toContain(
    'onnx engine with data pipeline, strong',
  );
});

test('the onnx engine and the matrix products answer samples as processes', {
  timeout: 120_000,
}, async () => {
  for (const { plan } of candidatesOf({ ...comparison, variant: 'lab-baseline', threads: 1 }, none)) {
    const candidate = await startCandidate(plan);
    expect(candidate.versions).not.toEqual({});
    const { steps, seconds, peakBytes } = await candidate.sample(1);
    await candidate.close();
    expect(steps).toBe(plan.stepsFactor ?? 1);
    expect(seconds).toBeGreaterThan(0);
    expect(peakBytes).toBeGreaterThan(2 ** 24);
  }
});

test('a candidate that does not start is reported with the last line of its error', async () => {
  const args = ['-e', 'console.error("first"); console.error("no such module"); process.exit(1)'];
  const plan = { name: 'broken', program: process.execPath, args, warmUpSteps: 1 };
  await expect(startCandidate(plan)).rejects.toMatchObject({
    code: 'engine-unavailable',
    message: 'broken: no such module',
  });
});

test('the training programs in Python handle every layer kind of every network', async () => {
  const kinds = new Set(
    [...variantNames, 'texture-net' as const].flatMap((name) =>
      networkOf(name, 25).layers.map(({ kind }) => kind),
    ),
  );
  for (const program of ['torch_step.py', 'tensorflow_step.py']) {
    const source = await readFile(new URL(`../../bench/peer/${program}`, import.meta.url), 'utf8');
    const handled = [...source.matchAll(/kind == "(\w+)"/g)].map(([, kind]) => kind);
    expect(handled, program).toEqual(expect.arrayContaining([...kinds]));
  }
});
