import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { trainingStepBytes } from '../../../model/description.ts';
import { TexturaError } from '../../../model/error.ts';
import { networkOf } from '../../../model/network.ts';
import { trainingConfigSchema } from '../../../model/training-config.ts';
import { takeFolderLock } from '../../../node/folder-lock.ts';
import { InferenceSession } from '../../../node/onnxruntime.ts';
import { readRun, writeRun } from '../../../node/records.ts';
import { type RunRequest, requireMemory, trainRun } from '../../../training/run/train-run.ts';
import { recordingTerminal } from '../../support/recording-terminal.ts';
import { smallPhotographs } from '../../support/small-photographs.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const network = networkOf('no-pool1', 7);

test('a batch that does not fit into memory is rejected, with the largest one that does', () => {
  const available = trainingStepBytes(network, 101);
  requireMemory(network, 101, available);
  expect(() => requireMemory(network, 165, available)).toThrow(
    expect.objectContaining({
      code: 'memory-insufficient',
      message: expect.stringMatching(/no-pool1 with --batch 165 .*--batch 101 should fit$/),
    }),
  );
});

test('if no batch fits, none is suggested', () => {
  expect(() => requireMemory(network, 5, trainingStepBytes(network, 1) - 1)).toThrow(
    /no batch is small enough$/,
  );
});

/** A request to train a small network for one epoch of two steps in `folder`/run. */
function requestIn(
  folder: string,
  changes: Partial<RunRequest> = {},
): RunRequest & { readonly lines: readonly string[] } {
  const terminal = recordingTerminal();
  return {
    config: trainingConfigSchema.parse({
      data: join(folder, 'photos'),
      variant: 'lab-baseline',
      epochs: 1,
      patchesPerEpoch: 10,
      batch: 5,
    }),
    given: new Set(),
    directory: join(folder, 'run'),
    resume: false,
    engine: 'onnx',
    device: 'cpu',
    threads: 1,
    verbose: false,
    terminal,
    hasOwnProcess: false,
    lines: terminal.lines,
    ...changes,
  };
}

/** The listeners of this process, which a run must remove. */
const listeners = () => (['SIGINT', 'SIGTERM', 'exit'] as const).map((event) => process.listenerCount(event));

test('a run that fails to start releases its lock, its listeners and the directory that it created', {
  timeout: 120_000,
}, async () => {
  const folder = await temporaryFolder(await smallPhotographs('photos', ['brick', 'knit'], 3));
  const before = listeners();
  const missing = trainingConfigSchema.parse({ data: join(folder, 'none') });
  await expect(trainRun(requestIn(folder, { config: missing }))).rejects.toMatchObject({
    code: 'data-unusable',
  });
  const other = requestIn(folder, { expectedContent: '0'.repeat(64) });
  await expect(trainRun(other)).rejects.toMatchObject({
    code: 'data-unusable',
    message: expect.stringContaining('the data has changed since the study began'),
  });
  expect(await readdir(folder)).toEqual(['photos']);

  // From here on, the engine is open when the error occurs.
  expect(await trainRun(requestIn(folder))).toEqual({ isStopRequested: false });
  const directory = join(folder, 'run');
  await writeRun(directory, { ...(await readRun(directory)), status: 'stopped' });
  await rm(join(directory, 'checkpoint/previous.safetensors'), { force: true });
  await writeFile(join(directory, 'checkpoint/last.safetensors'), 'no checkpoint');
  const files = (await readdir(directory)).sort();
  await expect(trainRun(requestIn(folder, { resume: true }))).rejects.toMatchObject({ code: 'file-damaged' });
  expect((await readdir(directory)).sort()).toEqual(files);
  expect((await readRun(directory)).status).toBe('stopped');
  expect(listeners()).toEqual(before);
});

test('a run in use by another process is rejected before its data is read', async () => {
  const folder = await temporaryFolder({ 'photos/a/notes.txt': 'no image' });
  const lock = await takeFolderLock(join(folder, 'run'));
  const request = requestIn(folder);
  await expect(trainRun(request)).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringContaining(`is in use by process ${process.pid}`),
  });
  expect(request.lines).toEqual([]);
  lock.release();
});

test('a signal while the results of a run are written does not stop it, and its caller hears of it', async () => {
  const folder = await temporaryFolder(await smallPhotographs('photos', ['brick', 'knit'], 3));
  const terminal = recordingTerminal((text) => {
    if (/^ *1\/1 /.test(text)) process.emit('SIGTERM', 'SIGTERM');
  });
  expect(await trainRun(requestIn(folder, { terminal }))).toEqual({ isStopRequested: true });
  expect((await readRun(join(folder, 'run'))).status).toBe('finished');
});

test('a run that is stopped says how to resume it: a fold with all folds', async () => {
  const folder = await temporaryFolder(await smallPhotographs('photos', ['brick', 'knit'], 3));
  const observer = { stepped: () => void process.emit('SIGTERM', 'SIGTERM') };
  const request = requestIn(folder, { observer, resumeCommand: 'train --folds 2 --resume' });
  await expect(trainRun(request)).rejects.toMatchObject({
    code: 'interrupted',
    message: 'stopped in epoch 1. Resume with: train --folds 2 --resume',
  });
});

test('an internal error reaches the caller as it is, with its stack trace, and is recorded', async () => {
  const folder = await temporaryFolder(await smallPhotographs('photos', ['brick', 'knit'], 3));
  const fault = new TexturaError('internal', 'no such tensor');
  const observer = {
    stepped() {
      throw fault;
    },
  };
  const request = requestIn(folder, { observer, resumeCommand: 'train --resume' });
  expect(await trainRun(request).catch((error: unknown) => error)).toBe(fault);
  expect(await readRun(join(folder, 'run'))).toMatchObject({
    status: 'failed',
    failure: { code: 'internal', message: 'no such tensor' },
  });
});

test('every session of a run has as many threads as were asked for', async () => {
  const folder = await temporaryFolder(await smallPhotographs('photos', ['brick', 'knit'], 3));
  const create = vi.spyOn(InferenceSession, 'create');
  const request = requestIn(folder);
  const config = { ...request.config, variant: 'texture-net', width: 0.1 } as const;
  await trainRun({ ...request, config });
  // Preparation, evaluation, step, and the features that the known score is fitted with.
  expect(create.mock.calls.map(([, options]) => options?.intraOpNumThreads)).toEqual([1, 1, 1, 1]);
});
