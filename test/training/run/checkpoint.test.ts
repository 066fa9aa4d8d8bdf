import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { networkOf } from '../../../model/network.ts';
import { initialParameters, zeroParameters } from '../../../model/parameters.ts';
import { decodeTensors, encodeTensors } from '../../../model/safetensors.ts';
import {
  bestCheckpoint,
  type Checkpoint,
  checkpointPath,
  newestCheckpoint,
  readCheckpoint,
  saveCheckpoint,
} from '../../../training/run/checkpoint.ts';
import { freshProgress } from '../../../training/run/loop.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const network = networkOf('lab-baseline', 3);
const checkpointOf = (epochsDone: number, stepsDone = 4): Checkpoint => ({
  progress: {
    ...freshProgress,
    epochsDone,
    stepsDone,
    sums: { count: 12, crossEntropy: 0.1 + 0.2, top1Errors: 5, top5Errors: 0 },
    seconds: 1.5,
  },
  state: { parameters: initialParameters(network, epochsDone), momentum: zeroParameters(network) },
});

/** A run directory with checkpoints of epochs 1 and 2: `previous` and `last`. */
async function directoryOfTwo(): Promise<string> {
  const directory = await temporaryFolder();
  await saveCheckpoint(directory, network, checkpointOf(1), true);
  await saveCheckpoint(directory, network, checkpointOf(2), false);
  return directory;
}

async function damage(path: string, change: (file: Buffer) => Buffer): Promise<void> {
  await writeFile(path, change(await readFile(path)));
}

test('a checkpoint round-trips bit-exactly', async () => {
  const directory = await directoryOfTwo();
  const back = await readCheckpoint(directory, network, 'last');
  const expected = checkpointOf(2);
  expect(back?.progress).toEqual(expected.progress);
  for (const [name, values] of expected.state.parameters) {
    const got = back?.state.parameters.get(name) ?? new Float32Array();
    expect(Buffer.from(got.buffer).equals(Buffer.from(values.buffer)), name).toBe(true);
  }
});

test('a checkpoint of an earlier version, which called momentum buffers momenta, still loads', async () => {
  const directory = await directoryOfTwo();
  const path = checkpointPath(directory, 'last');
  const { tensors, metadata } = decodeTensors(await readFile(path), path);
  const renamed = new Map(
    [...tensors].map(([name, tensor]) => [name.replace('momentum/', 'momenta/'), tensor]),
  );
  const hash = createHash('sha256').update(metadata.progress ?? '');
  for (const [name, { data }] of renamed) hash.update(name).update(data);
  const file = { tensors: renamed, metadata: { ...metadata, sha256: hash.digest('hex') } };
  await writeFile(path, encodeTensors(file));
  const back = await readCheckpoint(directory, network, 'last');
  expect(back?.state.momentum).toEqual(checkpointOf(2).state.momentum);
});

test('best is not overwritten by a worse checkpoint, and the previous checkpoint is kept', async () => {
  const directory = await directoryOfTwo();
  expect((await readCheckpoint(directory, network, 'best'))?.progress.epochsDone).toBe(1);
  expect((await readCheckpoint(directory, network, 'previous'))?.progress.epochsDone).toBe(1);
});

test('a directory without checkpoints has none', async () => {
  expect(await newestCheckpoint(await temporaryFolder(), network)).toBeUndefined();
});

test('a truncated or changed newest checkpoint is reported, and the previous one is used', async () => {
  const changes: ((file: Buffer) => Buffer)[] = [
    (file) => file.subarray(0, file.length - 5),
    (file) => file.subarray(0, 3),
    (file) =>
      Buffer.concat([
        file.subarray(0, file.length - 9),
        Buffer.from([file[file.length - 9] === 7 ? 8 : 7]),
        file.subarray(file.length - 8),
      ]),
  ];
  for (const change of changes) {
    const directory = await directoryOfTwo();
    await damage(checkpointPath(directory, 'last'), change);
    const found = await newestCheckpoint(directory, network);
    expect(found?.checkpoint.progress.epochsDone).toBe(1);
    expect(found?.damage).toEqual([expect.stringContaining('last.safetensors')]);
  }
});

test('a newest checkpoint that cannot be read is an error, and stays', async () => {
  const directory = await directoryOfTwo();
  const last = checkpointPath(directory, 'last');
  await rm(last);
  await mkdir(last);
  await expect(newestCheckpoint(directory, network)).rejects.toMatchObject({ code: 'file-unreadable' });
  expect(existsSync(last)).toBe(true);
});

test('a crash between moving the old checkpoint and writing the new one leaves the old one to resume from', async () => {
  const directory = await directoryOfTwo();
  await rename(checkpointPath(directory, 'last'), checkpointPath(directory, 'previous'));
  expect((await newestCheckpoint(directory, network))?.checkpoint.progress.epochsDone).toBe(2);
});

test('a corrupt newest checkpoint never replaces the intact one that was resumed from', async () => {
  const directory = await directoryOfTwo();
  const cut = () => damage(checkpointPath(directory, 'last'), (file) => file.subarray(0, 100));
  await cut();
  expect((await newestCheckpoint(directory, network))?.checkpoint.progress.epochsDone).toBe(1);
  await saveCheckpoint(directory, network, checkpointOf(2), false);
  await cut();
  expect((await newestCheckpoint(directory, network))?.checkpoint.progress.epochsDone).toBe(1);
});

test('a corrupt best checkpoint is reported, and the newest intact one replaces it', async () => {
  const directory = await directoryOfTwo();
  expect((await bestCheckpoint(directory, network))?.checkpoint.progress.epochsDone).toBe(1);
  await damage(checkpointPath(directory, 'best'), (file) => file.subarray(0, 100));
  const found = await bestCheckpoint(directory, network);
  expect(found?.checkpoint.progress.epochsDone).toBe(2);
  const best = expect.stringContaining('best.safetensors');
  const middle = 'it is from the middle of epoch 3; the results call it epoch 2';
  expect(found?.damage).toEqual([best, middle]);
  await saveCheckpoint(directory, network, checkpointOf(3, 0), false);
  expect((await bestCheckpoint(directory, network))?.damage).toEqual([best]);
  expect(await bestCheckpoint(await temporaryFolder(), network)).toBeUndefined();
});

test('if every checkpoint is corrupt, each is reported with what to do', async () => {
  const directory = await directoryOfTwo();
  for (const name of ['last', 'previous'] as const)
    await damage(checkpointPath(directory, name), (file) => file.subarray(0, 100));
  await expect(newestCheckpoint(directory, network)).rejects.toMatchObject({
    code: 'file-damaged',
    message: expect.stringMatching(
      /from the start, delete .*\n.*last\.safetensors.*\n.*previous\.safetensors/,
    ),
  });
});

test('a checkpoint of another network is rejected with the parameter that differs', async () => {
  const directory = await directoryOfTwo();
  await copyFile(checkpointPath(directory, 'last'), checkpointPath(directory, 'previous'));
  await expect(newestCheckpoint(directory, networkOf('lab-baseline', 4))).rejects.toThrow(
    'conv3.kernel: expected [4,50,13,13]',
  );
  expect(existsSync(checkpointPath(directory, 'last'))).toBe(true);
});
