import { expect, test } from 'vitest';
import { graphMultiplyAdds } from '../../bench/matrix-product.ts';
import { profileStep, stepProfile } from '../../bench/train-profile.ts';
import { multiplyAddsOf } from '../../graph/builder.ts';
import { trainingStepGraph } from '../../graph/step/step.ts';
import { networkOf } from '../../model/network.ts';

const network = networkOf('lab-baseline', 25);
const graph = trainingStepGraph(network, { batch: 2 });

const run = (ts: number) => ({ cat: 'Session', name: 'model_run', ts, dur: 9000 });
const operator = (name: string, op_name: string, ts: number, dur: number) => ({
  cat: 'Node',
  name: `${name}_kernel_time`,
  ts,
  dur,
  args: { op_name },
});

test('a profile is summed by layer, phase and operator, without the warm-up', () => {
  const events = [
    run(0),
    operator('conv1.biased', 'Add', 10, 5000),
    run(10_000),
    operator('conv1.biased', 'Add', 10_010, 1000),
    operator('conv2.dU/MatmulTransposeFusion/', 'FusedMatMul', 10_020, 3000),
    operator('conv1.bias.change', 'Mul', 10_030, 500),
    run(20_000),
    operator('conv1.biased', 'Add', 20_010, 2000),
    operator('logits', 'Transpose', 20_020, 4000),
  ];
  const profile = stepProfile(JSON.stringify(events), network, graph, 1);
  expect(profile).toMatchObject({ steps: 2, stepMs: 9 });
  expect(profile.layers.map(({ name, ms }) => [name, ms])).toEqual([
    ['conv1', { forward: 1.5, backward: 0, update: 0.25 }],
    ['conv2', { forward: 0, backward: 1.5, update: 0 }],
    ['input and loss', { forward: 2, backward: 0, update: 0 }],
  ]);
  expect(profile.operators.map(({ name }) => name)).toEqual(['Transpose', 'Add', 'FusedMatMul', 'Mul']);
  const product = graph.content().nodes.find(({ name }) => name === 'conv2.dU');
  // It is in one of the two steps.
  expect(profile.layers[1]?.multiplyAdds).toBe((product && multiplyAddsOf(product) / 2) || Number.NaN);
});

test('a real profile contains every matrix product of the graph, fused or not', {
  timeout: 120_000,
}, async () => {
  const profile = await profileStep({ variant: 'reference', threads: 1, batch: 2 }, 2);
  const all = graphMultiplyAdds(trainingStepGraph(networkOf('reference', 25), { batch: 2 }));
  for (const rows of [profile.layers, profile.operators]) {
    expect(rows.reduce((sum, { multiplyAdds }) => sum + multiplyAdds, 0)).toBe(all);
    const accounted = rows.reduce((sum, { ms }) => sum + ms.forward + ms.backward + ms.update, 0);
    expect(accounted).toBeGreaterThan(0);
    expect(accounted).toBeLessThanOrEqual(profile.stepMs);
  }
  for (const name of ['conv1', 'conv2', 'conv3', 'conv4', 'conv5']) {
    const row = profile.layers.find((layer) => layer.name === name);
    expect(Math.min(...Object.values(row?.ms ?? { none: 0 })), name).toBeGreaterThan(0);
  }
});
