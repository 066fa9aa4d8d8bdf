import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { TexturaError } from '../../model/error.ts';
import { type GraphKind, graphKinds, modelReportSchema } from '../../model/model-file.ts';
import { patchBytes } from '../../model/patch.ts';
import type { ModelCheck } from '../../model/self-check.ts';
import { Batcher, type ModelSessions } from '../../serve/inference/batcher.ts';
import { type InferenceResult, InferenceWorker } from '../../serve/inference/inference-worker.ts';
import type { SessionSettings } from '../../serve/inference/session.ts';
import { modelCheckOf } from '../../serve/registry/model-check.ts';
import { type ModelFiles, ModelHost } from '../../serve/registry/model-host.ts';
import { Registry } from '../../serve/registry/registry.ts';
import { breakingThreads, breakThreads } from '../support/breaking-threads.ts';
import { largestDifference } from '../support/onnx-session.ts';
import { randomPatches } from '../support/random-network.ts';
import { exportModels } from '../support/running-service.ts';
import { tolerances } from '../tolerances.ts';

const settings = { batchPatches: 16, largeBatchPatches: 4, gatherPatches: 8 };
const hostSettings = {
  devices: ['cpu'],
  mustBeatCpu: true,
  soloThreads: 2,
  parallelThreads: 1,
  gpuBatchPatches: 64,
} as const;
const never = () => new AbortController().signal;

let home: string;
let files: ModelFiles;
let check: ModelCheck;
let workers: readonly InferenceWorker[];
let notes: string[];
let host: ModelHost;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'textura-host-'));
  await exportModels(home, [{ variant: 'lab-baseline' }]);
  const report = modelReportSchema.parse(
    JSON.parse(await readFile(join(home, 'lab-baseline.report.json'), 'utf8')),
  );
  check = modelCheckOf(report, 'lab-baseline');
  const fileOf = (kind: GraphKind) => report.graphs.find((graph) => graph.kind === kind)?.file ?? '';
  files = { name: 'm', kinds: graphKinds, read: (kind) => readFile(join(home, fileOf(kind))) };
});
afterAll(() => rm(home, { recursive: true }));
beforeEach(() => {
  workers = [0, 1].map(() => new InferenceWorker(breakingThreads.inference));
  notes = [];
  host = new ModelHost(workers, hostSettings, (sentence) => notes.push(sentence));
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.close()));
});

const wrongCheck = (): ModelCheck => ({
  ...check,
  selfCheck: check.selfCheck.map(({ patch, probabilities }) => ({
    patch,
    probabilities: probabilities.map((value) => 1 - value),
  })),
});
/** Sessions that a model's names lead to. */
const namesOf = ({ smallBatch, largeBatch, parallel }: ModelSessions) =>
  new Set([smallBatch, largeBatch, parallel]).size;
const isLoaded = (session: string, place: number) =>
  (workers[place] as InferenceWorker).run(session, randomPatches(1, 1) as Uint8Array<ArrayBuffer>).then(
    () => true,
    () => false,
  );

test('a model with expected load opens all its sessions at once', async () => {
  const { sessions } = await host.open(files, check, true);
  expect([namesOf(sessions), sessions.workers]).toEqual([3, 2]);
  expect(await isLoaded(sessions.largeBatch, 0)).toBe(true);
  expect(await isLoaded(sessions.parallel, 1)).toBe(true);
});

test('another model opens one, and the rest with the first large batch; the results are the same', async () => {
  const { sessions } = await host.open(files, check, false);
  const batcher = new Batcher(workers, settings);
  const ask = (count: number) => batcher.submit('a', sessions, randomPatches(count, 3), never());
  await ask(3);
  expect([namesOf(sessions), sessions.workers]).toEqual([1, 1]);
  const before = await ask(4);
  await vi.waitFor(() => expect([namesOf(sessions), sessions.workers]).toEqual([3, 2]), 10_000);
  const after = await ask(4);
  expect(largestDifference(after.logits, before.logits)).toBeLessThan(tolerances.engineLogit);
  expect(notes).toEqual([]);
});

test('if the other sessions cannot be opened, the model continues with the first', async () => {
  const changed: ModelFiles = {
    ...files,
    read(kind) {
      if (kind === 'throughput') throw new TexturaError('file-damaged', 'changed while it was read');
      return files.read(kind);
    },
  };
  const { sessions } = await host.open(changed, check, false);
  const batcher = new Batcher(workers, settings);
  await batcher.submit('a', sessions, randomPatches(5, 1), never());
  await vi.waitFor(() => expect(notes.join()).toContain('changed while it was read'), 10_000);
  expect((await batcher.submit('a', sessions, randomPatches(5, 1), never())).batchPatches).toBe(5);
  expect([namesOf(sessions), sessions.workers]).toEqual([1, 1]);
  notes = [];
  const message = 'changed while it was read';
  await expect(host.open(changed, check, true)).rejects.toMatchObject({ code: 'file-damaged', message });
  expect(notes, 'the caller logs it').toEqual([]);
});

test('a model that is closed while it opens sessions leaves none open', async () => {
  const { sessions } = await host.open(files, check, false);
  sessions.onLargeBatch?.();
  await host.close(sessions);
  for (const session of [sessions.smallBatch, sessions.largeBatch, sessions.parallel]) {
    expect([await isLoaded(session, 0), await isLoaded(session, 1)]).toEqual([false, false]);
  }
});

test('a model that fails its check is rejected and released', async () => {
  await expect(host.open(files, wrongCheck(), true)).rejects.toMatchObject({
    code: 'parity-failed',
  });
  expect(await isLoaded('m 0', 0)).toBe(false);
});

/** A machine without a GPU: what is asked of CUDA is computed on the CPU. */
class CpuWorker extends InferenceWorker {
  /** Sizes of the batches that each session ran. */
  readonly sizes = new Map<string, Set<number>>();

  override load(session: string, bytes: Uint8Array, settings: SessionSettings): Promise<void> {
    return super.load(session, bytes, { ...settings, device: 'cpu' });
  }

  override run(
    session: string,
    patches: Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>,
  ): Promise<InferenceResult> {
    const sizes = this.sizes.get(session) ?? new Set();
    this.sizes.set(session, sizes.add(patches.length / patchBytes));
    return super.run(session, patches);
  }
}

test('each session on a GPU runs batches of one size only, those of its self-check included', async () => {
  const worker = new CpuWorker();
  const cudaSettings = { ...hostSettings, devices: ['cuda'], mustBeatCpu: false } as const;
  const cuda = new ModelHost([worker], cudaSettings, () => {});
  try {
    const { sessions } = await cuda.open(files, check, true);
    const batcher = new Batcher([worker], settings);
    expect(batcher.maxPatches(sessions)).toBe(64);
    const { sessions: onCpu } = await host.open(files, check, true);
    const cpuBatcher = new Batcher(workers, { ...settings, batchPatches: 64 });
    for (const count of [1, 2, 16, 17, 64]) {
      const patches = () => randomPatches(count, 3);
      const { logits } = await batcher.submit('a', sessions, patches(), never());
      const expected = await cpuBatcher.submit('a', onCpu, patches(), never());
      expect(logits).toHaveLength(expected.logits.length);
      expect(largestDifference(logits, expected.logits)).toBeLessThan(tolerances.engineLogit);
    }
    const sizesOf = (all: ModelSessions) =>
      all.gpuBatches?.map(({ session }) => [...(worker.sizes.get(session) ?? [])]);
    expect(sizesOf(sessions)).toEqual([[1], [16], [64]]);
    const { sessions: lazy } = await cuda.open(files, check, false);
    expect(sizesOf(lazy)).toEqual([[16]]);
    await batcher.submit('a', lazy, randomPatches(6, 3), never());
    await vi.waitFor(() => expect(sizesOf(lazy)).toEqual([[1], [16], [64]]), 10_000);
  } finally {
    await worker.close();
  }
});

test('a registry that is closed during its first scan does not look at the folder again', async () => {
  let scans = 0;
  const openCheck = () => {
    scans++;
    return { run: async () => {}, close: () => {} };
  };
  const events = { onChange: () => {}, note: () => {}, openCheck };
  const folder = join(home, 'none');
  const registry = new Registry({ folder, reloadIntervalMs: 1, maxModelBytes: 1 }, host, events);
  const started = registry.start();
  await registry.close();
  await started;
  await sleep(20);
  expect(scans).toBe(1);
});

test('a rejection on CUDA names TensorFloat-32 if the user turned it on', async () => {
  const worker = new CpuWorker();
  const cuda = new ModelHost([worker], { ...hostSettings, devices: ['cuda'] }, () => {});
  const wrong = wrongCheck();
  try {
    vi.stubEnv('NVIDIA_TF32_OVERRIDE', '0');
    await expect(cuda.open(files, wrong, true)).rejects.toThrow(/^m on cuda: self-check failed/);
    vi.stubEnv('NVIDIA_TF32_OVERRIDE', '1');
    await expect(cuda.open(files, wrong, true)).rejects.toThrow(
      /^m on cuda in TensorFloat-32 \(NVIDIA_TF32_OVERRIDE=0 turns it off\): self-check failed/,
    );
  } finally {
    await worker.close();
  }
});

/** Ends the threads of all workers and waits for their replacements. */
const breakLanes = async () => {
  const replaced = workers.map(
    (worker) => new Promise<void>((resolve) => worker.events.once('ready', resolve)),
  );
  breakThreads('exit');
  await Promise.all(replaced);
};

test('lost threads are replaced with their sessions, and the results are the same', async () => {
  const { sessions } = await host.open(files, check, true);
  const batcher = new Batcher(workers, settings);
  const ask = (count: number) => batcher.submit('a', sessions, randomPatches(count, 3), never());
  const [smallBatch, largeBatch] = [await ask(2), await ask(5)];
  await breakLanes();
  expect([(await ask(2)).logits, (await ask(5)).logits]).toEqual([smallBatch.logits, largeBatch.logits]);
  expect(await isLoaded(sessions.parallel, 1)).toBe(true);
  await host.close(sessions);
  for (const place of [0, 1]) expect(await isLoaded(sessions.parallel, place)).toBe(false);
  expect(notes).toEqual([]);
});

test('a model whose file changed meanwhile is closed when its thread is lost', async () => {
  let isChanged = false;
  const changing: ModelFiles = {
    ...files,
    read(kind) {
      if (isChanged) throw new TexturaError('file-damaged', 'changed while it was read');
      return files.read(kind);
    },
  };
  const { sessions: lost } = await host.open(changing, check, false);
  const { sessions: kept } = await host.open(files, check, false);
  const closed: ModelSessions[] = [];
  host.whenLost((sessions) => closed.push(sessions));
  isChanged = true;
  await breakLanes();
  expect(closed).toEqual([lost]);
  expect(notes).toEqual([
    'm: closed, because its sessions were lost with their thread: changed while it was read',
  ]);
  expect([await isLoaded(lost.smallBatch, 0), await isLoaded(kept.smallBatch, 0)]).toEqual([false, true]);
});

test('a replaced thread loads the model that the lost one was loading', async () => {
  // So that its thread listens.
  await host.open(files, check, false);
  let reads = 0;
  const breaking: ModelFiles = {
    ...files,
    async read(kind) {
      const bytes = await files.read(kind);
      // The bytes are on their way to the thread before this process hears that it is lost.
      if (reads++ === 0) breakThreads('throw');
      return bytes;
    },
  };
  const { sessions } = await host.open(breaking, check, false);
  expect(await isLoaded(sessions.smallBatch, 0)).toBe(true);
  expect(notes).toEqual(['cpu refused for m: an inference thread was lost: broken by a test']);
});
