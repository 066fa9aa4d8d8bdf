import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { exportModel } from '../../export/export-model.ts';
import { readTrainedRun } from '../../export/trained-run.ts';
import { exportForTriton } from '../../export/triton-layout.ts';
import { runHere } from '../support/command.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { writeKnownScore, writeTrainedRun } from '../support/trained-run.ts';

test('--layout triton writes a folder that Triton serves, with the same bytes as the other layout', async () => {
  const home = await mkdtemp(join(tmpdir(), 'textura-triton-'));
  await writeTrainedRun(join(home, 'run'), { labels: ['a', 'b', 'c'] });
  const { status, stdout, stderr } = await runHere(
    'export/export.ts',
    ['--run', 'run', '--layout', 'triton', '--out', 'triton'],
    { cwd: home },
  );
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^triton\/lab-baseline\/1\/model\.onnx +from run/);
  const folder = join(home, 'triton/lab-baseline');
  expect((await readdir(join(home, 'triton'), { recursive: true })).sort()).toEqual([
    'lab-baseline',
    'lab-baseline/1',
    'lab-baseline/1/model.onnx',
    'lab-baseline/config.pbtxt',
    'lab-baseline/labels.txt',
  ]);
  expect(await readFile(join(folder, 'labels.txt'), 'utf8')).toBe('a\nb\nc\n');
  expect(await readFile(join(folder, 'config.pbtxt'), 'utf8')).toBe(`name: "lab-baseline"
backend: "onnxruntime"
max_batch_size: 64
input [
  {
    name: "image"
    data_type: TYPE_FP32
    dims: [ 1, 64, 64 ]
  }
]
output [
  {
    name: "probabilities"
    data_type: TYPE_FP32
    dims: [ 3 ]
    label_filename: "labels.txt"
  },
  {
    name: "logits"
    data_type: TYPE_FP32
    dims: [ 3 ]
  }
]
dynamic_batching { }
`);
  const settings = { out: join(home, 'models'), opset: 17, graphs: ['portable'] } as const;
  await exportModel(await readTrainedRun(join(home, 'run')), settings);
  const [ours, theirs] = await Promise.all(
    [join(home, 'models/lab-baseline.onnx'), join(folder, '1/model.onnx')].map((path) => readFile(path)),
  );
  expect(theirs?.equals(ours ?? new Uint8Array())).toBe(true);
  await rm(home, { recursive: true });
});

test('the known score is an output, and a label with a line break is one line of labels.txt', async () => {
  const cwd = await temporaryFolder();
  const labels = ['bark', 'two\nlines', 'glass', 'knit', 'marble', 'plaid'];
  await writeTrainedRun(join(cwd, 'run'), { variant: 'texture-net', width: 0.1, labels });
  await writeKnownScore(join(cwd, 'run'));
  const args = ['--run', 'run', '--layout', 'triton', '--out', '.'];
  expect(await runHere('export/export.ts', args, { cwd })).toMatchObject({ status: 0, stderr: '' });
  const read = (name: string) => readFile(join(cwd, 'texture-net', name), 'utf8');
  expect(await read('labels.txt')).toBe('bark\ntwo\\nlines\nglass\nknit\nmarble\nplaid\n');
  expect(await read('config.pbtxt')).toContain(`,
  {
    name: "known_score"
    data_type: TYPE_FP32
    dims: [ 1 ]
  }
]
`);
});

test('an export to a repository names the run whose model it replaces', async () => {
  const cwd = await temporaryFolder();
  const exported = async (run: string) => {
    const args = ['--run', run, '--layout', 'triton', '--out', 'triton'];
    const { stdout } = await runHere('export/export.ts', args, { cwd });
    return /^ {2}replaced +(.*)/m.exec(stdout)?.[1];
  };
  for (const run of ['one', 'two']) await writeTrainedRun(join(cwd, run));
  expect(await exported('one')).toBeUndefined();
  expect(await exported('one')).toBeUndefined();
  expect(await exported('two')).toBe('the model of run one, started 3 February 2026, 04:05 UTC');
});

test('exports to one folder at the same time take turns, and remove what a killed one left', async () => {
  const home = await temporaryFolder({ 'triton/.staging/lab-baseline.onnx': 'half a file' });
  const out = join(home, 'triton');
  const names = ['first', 'second'] as const;
  const exported = names.map(async (name) => {
    await writeTrainedRun(join(home, name), { labels: ['a', 'b', 'c'] });
    const trained = await readTrainedRun(join(home, name));
    return exportForTriton({ ...trained, name }, { out, opset: 17, graphs: ['portable'] });
  });
  expect((await Promise.all(exported)).map(({ model }) => model)).toEqual(names);
  expect((await readdir(out)).sort()).toEqual(names);
});
