import { expect, test } from 'vitest';
import { planTable } from '../../study/display.ts';
import type { ArmEstimate } from '../../study/estimate.ts';

function estimateOf(name: string): ArmEstimate {
  const arm = { name, variant: 'texture-net', width: 1 } as const;
  const [parameters, multiplyAdds, memoryBytes] = [137_595, 22_984_688, 1.36 * 2 ** 30];
  return { arm, parameters, multiplyAdds, memoryBytes, runSeconds: 97, runsLeft: 9 };
}

test('the table of a plan with long names leaves out the multiply-adds on a narrow terminal, then the memory', () => {
  const short = [estimateOf('texture-net')];
  expect(planTable(short, 80)).toContain('22,984,688');
  const long = [...short, estimateOf('texture-net-no-augmentation')];
  const [heading = '', ...rows] = planTable(long, 80).split('\n');
  expect(heading.split(/ {2,}/)).toEqual(['network', 'parameters', 'memory', 'time per run', 'runs left']);
  for (const row of [heading, ...rows]) expect(row.length, row).toBeLessThanOrEqual(80);
  expect(planTable(long, 120)).toContain('22,984,688');
  const longer = planTable([...short, estimateOf('reference-with-params-of-no-relu234-pool4')], 80);
  expect(longer.split('\n')[0]?.split(/ {2,}/)).toEqual([
    'network',
    'parameters',
    'time per run',
    'runs left',
  ]);
  for (const row of longer.split('\n')) expect(row.length, row).toBeLessThanOrEqual(80);
});
