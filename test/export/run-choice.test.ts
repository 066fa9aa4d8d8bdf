import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bestRunsOfStudy, newestFinishedRuns } from '../../export/run-choice.ts';
import { type StudyArm, studySchema } from '../../model/study-file.ts';
import { trainingConfigSchema } from '../../model/training-config.ts';
import { writeStudy } from '../../node/records.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { type TrainedRunOptions, writeTrainedRun } from '../support/trained-run.ts';

const control: StudyArm = {
  name: 'reference-with-macs-of-lab-baseline',
  variant: 'reference',
  width: 0.5,
  controls: { variant: 'lab-baseline', measure: 'macs' },
};
const plain: StudyArm = {
  name: 'texture-net-no-augmentation',
  variant: 'texture-net',
  width: 1,
  augment: 'none',
};
const arms: readonly StudyArm[] = [
  { name: 'no-conv4-pool4', variant: 'no-conv4-pool4', width: 1 },
  { name: 'lab-baseline', variant: 'lab-baseline', width: 1 },
  control,
  plain,
];

/** A study with the runs given by name, as the trainer leaves it. */
async function studyOf(runs: Readonly<Record<string, TrainedRunOptions>>): Promise<string> {
  const directory = join(await temporaryFolder(), 'studies/small');
  await mkdir(directory, { recursive: true });
  const { variant: _variant, width: _width, seed: _seed, ...config } = trainingConfigSchema.parse({});
  const study = { textura: '0.1.0', recipe: 'default', config, arms, seeds: [1, 2, 3], failures: {} };
  await writeStudy(directory, studySchema.parse({ ...study, startedAt: '2026-02-03T04:05:06Z' }));
  for (const [name, options] of Object.entries(runs))
    await writeTrainedRun(join(directory, 'runs', name), { width: 0.1, ...options });
  return directory;
}

test('of each variant the finished run with the lowest error is chosen, of equal ones the first seed, and never a control or an arm with other settings', async () => {
  const directory = await studyOf({
    'lab-baseline-s1': { top1err: 0.3 },
    'lab-baseline-s2': { top1err: 0.2 },
    'lab-baseline-s3': { top1err: 0.2 },
    'no-conv4-pool4-s1': { variant: 'no-conv4-pool4', top1err: 0.1, status: 'diverged' },
    'no-conv4-pool4-s3': { variant: 'no-conv4-pool4', top1err: 0.6 },
    [`${control.name}-s1`]: { variant: 'lab-baseline', top1err: 0.01 },
    [`${plain.name}-s1`]: { variant: 'texture-net', top1err: 0.01 },
  });
  const notes: string[] = [];
  const runs = await bestRunsOfStudy(directory, (note) => notes.push(note));
  expect(runs.map((run) => run.slice(directory.length))).toEqual([
    '/runs/no-conv4-pool4-s3',
    '/runs/lab-baseline-s2',
  ]);
  expect(notes).toEqual([]);
});

test('the lowest balanced error counts if runs have one', async () => {
  const directory = await studyOf({
    'lab-baseline-s1': { top1err: 0.1, balancedTop1err: 0.4 },
    'lab-baseline-s2': { top1err: 0.2, balancedTop1err: 0.3 },
  });
  expect(await bestRunsOfStudy(directory, () => {})).toEqual([join(directory, 'runs/lab-baseline-s2')]);
});

test('a variant without a finished run is reported, and the others are chosen', async () => {
  const directory = await studyOf({ 'lab-baseline-s3': {} });
  const notes: string[] = [];
  const runs = await bestRunsOfStudy(directory, (note) => notes.push(note));
  expect(runs).toHaveLength(1);
  expect(notes).toEqual([`${directory}: no finished run of no-conv4-pool4`]);
});

test('a folder that is not a study is reported', async () => {
  const folder = await temporaryFolder({ 'study.json': '{"arms": []}' });
  await expect(bestRunsOfStudy(join(folder, 'none'), () => {})).rejects.toMatchObject({
    code: 'file-unreadable',
  });
  await expect(bestRunsOfStudy(folder, () => {})).rejects.toMatchObject({
    code: 'file-damaged',
    message: expect.stringContaining('study.json'),
  });
});

test('a damaged study or run is named, and the others are chosen', async () => {
  const [whole, damaged] = [
    await studyOf({ 'lab-baseline-s1': {} }),
    await studyOf({ 'no-conv4-pool4-s1': { variant: 'no-conv4-pool4' } }),
  ];
  await writeFile(join(damaged, 'study.json'), '{');
  const notes: string[] = [];
  const roots = [whole, damaged].map((study) => join(study, 'runs'));
  expect(await newestFinishedRuns(roots, (note) => notes.push(note))).toEqual([
    join(whole, 'runs/lab-baseline-s1'),
  ]);
  const study = await studyOf({ 'lab-baseline-s1': { top1err: 0.1 }, 'lab-baseline-s2': { top1err: 0.2 } });
  await writeFile(join(study, 'runs/lab-baseline-s1/run.json'), '{');
  expect(await bestRunsOfStudy(study, (note) => notes.push(note))).toEqual([
    join(study, 'runs/lab-baseline-s2'),
  ]);
  expect(notes).toEqual([
    expect.stringContaining(`skipped ${damaged}/runs: ${damaged}/study.json: not JSON`),
    `${study}: no finished run of no-conv4-pool4`,
    expect.stringContaining(`skipped ${study}/runs/lab-baseline-s1: `),
  ]);
});

test('the newest runs of all include parts of texture-net, but not the other arms of a study', async () => {
  const directory = await studyOf({
    'texture-net-no-norm-s1': { variant: 'texture-net-no-norm' },
    'lab-baseline-s1': { endedAt: '2026-02-03T05:00:00Z' },
    [`${control.name}-s1`]: { endedAt: '2026-02-03T06:00:00Z' },
    [`${plain.name}-s1`]: { variant: 'texture-net', endedAt: '2026-02-03T06:00:00Z' },
  });
  await writeFile(join(directory, 'runs', 'note.txt'), 'not a run');
  const found = await newestFinishedRuns([join(directory, 'runs')], () => {});
  const names = ['lab-baseline-s1', 'texture-net-no-norm-s1'];
  expect(found).toEqual(names.map((name) => join(directory, 'runs', name)));
});
