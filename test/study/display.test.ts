import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runSchema } from '../../model/run-file.ts';
import { readStudy } from '../../node/records.ts';
import { planTable, studyDisplay } from '../../study/display.ts';
import type { ArmEstimate } from '../../study/estimate.ts';
import { studyRuns } from '../../study/study-directory.ts';
import { inventStudy } from '../support/invented-study.ts';
import { recordingTerminal } from '../support/recording-terminal.ts';

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

test('a run that another device trained than the run before is followed by the device and the reason', async () => {
  const directory = await inventStudy({ added: {}, seeds: [1, 2, 3, 4, 5] });
  const runs = studyRuns(directory, await readStudy(directory));
  const onCuda = { device: 'cuda', why: 'CUDA is set up' };
  const onCpu = { device: 'cpu', why: 'onnxruntime cannot use cuda on this machine: out of memory' };
  for (const [i, run] of runs.entries()) {
    const path = join(run.directory, 'run.json');
    const record = runSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    const stretches = record.stretches.map((session) => ({ ...session, ...(i === 2 ? onCpu : onCuda) }));
    await writeFile(path, JSON.stringify({ ...record, stretches }));
  }
  const terminal = recordingTerminal();
  const display = studyDisplay(terminal, { total: 5, done: 0, estimates: [], parallelRuns: 1 });
  const failure = { code: 'internal', message: 'out of luck' };
  for (const [i, run] of runs.entries())
    await display.ended(run, i === 3 ? { kind: 'failed', failure } : { kind: 'finished' });
  expect(terminal.lines.map((line) => line.replace(/error [\d.]+$/, 'error E'))).toEqual([
    '1/5 reference-s1: top-1 error E',
    'Trained by onnx on cuda (CUDA is set up).',
    '2/5 reference-s2: top-1 error E',
    '3/5 reference-s3: top-1 error E',
    'Trained by onnx on cpu (onnxruntime cannot use cuda on this machine: out of memory).',
    '4/5 reference-s4: failed: out of luck',
    '5/5 reference-s5: top-1 error E',
    'Trained by onnx on cuda (CUDA is set up).',
  ]);
});

test('runs that end at the same time have numbers of their own', async () => {
  const directory = await inventStudy({ added: {}, seeds: [1, 2, 3] });
  const runs = studyRuns(directory, await readStudy(directory));
  const terminal = recordingTerminal();
  const display = studyDisplay(terminal, { total: 3, done: 0, estimates: [], parallelRuns: 3 });
  await Promise.all(runs.map((run) => display.ended(run, { kind: 'finished' })));
  const numbers = terminal.lines.flatMap(
    (line) => /^(\d\/3) reference-s\d: top-1 error/.exec(line)?.[1] ?? [],
  );
  expect(numbers.sort()).toEqual(['1/3', '2/3', '3/3']);
});
