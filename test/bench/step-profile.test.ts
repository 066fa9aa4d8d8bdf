import { expect, test } from 'vitest';
import { profileStep } from '../../bench/profile.ts';
import { profileSection } from '../../bench/profile-page.ts';
import { stepProfile, totalMs } from '../../bench/step-profile.ts';
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

test('a profile is summed by layer, phase and operator over the steps that count', () => {
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
  const places = graph.content().nodes.find(({ name }) => name === 'conv2.dU');
  // Seen in one of the two steps.
  expect(profile.layers[1]?.multiplyAdds).toBe((places && multiplyAddsOf(places) / 2) || Number.NaN);
});

test('a real profile knows every product of the graph, whatever the optimiser made of it', {
  timeout: 120_000,
}, async () => {
  const contest = { variant: 'reference', threads: 1, batch: 2, data: 'generated' } as const;
  const profile = await profileStep(contest, 2);
  const { nodes } = trainingStepGraph(networkOf('reference', 25), { batch: 2 }).content();
  const all = nodes.reduce((sum, node) => sum + multiplyAddsOf(node), 0);
  for (const rows of [profile.layers, profile.operators]) {
    expect(rows.reduce((sum, { multiplyAdds }) => sum + multiplyAdds, 0)).toBe(all);
    const accounted = rows.reduce((sum, row) => sum + totalMs(row), 0);
    expect(accounted).toBeGreaterThan(0);
    expect(accounted).toBeLessThanOrEqual(profile.stepMs);
  }
  for (const name of ['conv1', 'conv2', 'conv3', 'conv4', 'conv5']) {
    const row = profile.layers.find((layer) => layer.name === name);
    expect(Math.min(...Object.values(row?.ms ?? { none: 0 })), name).toBeGreaterThan(0);
  }
  const section = profileSection({ contest, profile });
  expect(section).toMatch(/^## reference, 1 thread, batch 2: \d+ ms a step/);
  expect(section).toContain('| between operators |');
});
