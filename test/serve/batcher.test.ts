import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { patchBytes } from '../../model/patch.ts';
import { Batcher, type ModelSessions } from '../../serve/inference/batcher.ts';
import { InferenceWorker } from '../../serve/inference/inference-worker.ts';
import { largestDifference } from '../support/onnx-session.ts';
import { randomPatches } from '../support/random-network.ts';
import { exportModels } from '../support/running-service.ts';
import { tolerances } from '../tolerances.ts';

const settings = { batchPatches: 16, largeBatchPatches: 4, gatherPatches: 8 };
const sessions: ModelSessions = {
  smallBatch: 'smallBatch',
  largeBatch: 'largeBatch',
  parallel: 'largeBatch',
  workers: 2,
};
const classes = 6;
const never = () => new AbortController().signal;

let home: string;
let workers: readonly InferenceWorker[];

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'textura-batcher-'));
  await exportModels(home, [{ variant: 'lab-baseline' }]);
  const [portable, throughput] = await Promise.all(
    ['lab-baseline.onnx', 'lab-baseline.throughput.onnx'].map((name) => readFile(join(home, name))),
  );
  workers = [new InferenceWorker(), new InferenceWorker()];
  for (const worker of workers) {
    await worker.load('smallBatch', portable ?? new Uint8Array(), {
      device: 'cpu',
      threads: 1,
    });
    await worker.load('largeBatch', throughput ?? new Uint8Array(), {
      device: 'cpu',
      threads: 1,
    });
  }
});

afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.close()));
  await rm(home, { recursive: true });
});

/** A batcher that the test closes, because the tests share their workers. */
function openBatcher(own = workers): Batcher {
  const batcher = new Batcher(own, settings);
  onTestFinished(() => batcher.close());
  return batcher;
}

const patchesOf = (count: number, seed: number) => randomPatches(count, seed);
const alone = async (patches: Uint8Array) =>
  (await (workers[0] as InferenceWorker).run('smallBatch', patches.slice())).logits;

describe('a batcher', () => {
  test('runs a request to an idle service immediately and alone', async () => {
    const batcher = openBatcher();
    const job = batcher.submit('a', sessions, patchesOf(3, 1), never());
    expect(batcher.waiting).toBe(0);
    const { batchPatches, logits } = await job;
    expect(batchPatches).toBe(3);
    expect(logits).toEqual(await alone(patchesOf(3, 1)));
  });

  test('collects requests that arrive while it computes into batches that are full or worth a worker', async () => {
    const batcher = openBatcher();
    const jobs = Array.from({ length: 41 }, (_, i) =>
      batcher.submit('a', sessions, patchesOf(1, i), never()),
    );
    expect(batcher.waiting).toBe(41 - 1 - 8);
    const results = await Promise.all(jobs);
    expect(results[0]?.batchPatches).toBe(1);
    const sizes = results.slice(1).map(({ batchPatches }) => batchPatches);
    expect(Math.min(...sizes.slice(0, -8))).toBeGreaterThanOrEqual(8);
    expect(Math.max(...sizes)).toBe(16);
    for (const [i, { logits }] of results.entries()) {
      expect(logits).toHaveLength(classes);
      expect(largestDifference(logits, await alone(patchesOf(1, i)))).toBeLessThan(tolerances.engineLogit);
    }
  });

  test('transfers the patches it gets, but not the memory that contains them', async () => {
    const batcher = openBatcher();
    const whole = patchesOf(2, 1);
    const part = whole.subarray(patchBytes);
    const expected = await alone(part);
    expect((await batcher.submit('a', sessions, part, never())).logits).toEqual(expected);
    expect(whole).toEqual(patchesOf(2, 1));
    await batcher.submit('a', sessions, whole, never());
    expect(whole).toHaveLength(0);
  });

  test('keeps the patches of one image together and in order', async () => {
    const batcher = openBatcher();
    const jobs = [7, 2, 15, 1, 9].map((count, i) =>
      batcher.submit(`client ${i}`, sessions, patchesOf(count, i), never()),
    );
    for (const [i, { logits }] of (await Promise.all(jobs)).entries()) {
      const count = [7, 2, 15, 1, 9][i] ?? 0;
      expect(logits).toHaveLength(count * classes);
      expect(largestDifference(logits, await alone(patchesOf(count, i)))).toBeLessThan(
        tolerances.engineLogit,
      );
    }
  });

  test('runs floats alongside bytes', async () => {
    const batcher = openBatcher();
    const floats = Float32Array.from(patchesOf(2, 5), (level, i) => level + (i % 7) / 10);
    const jobs = [patchesOf(1, 3), floats, patchesOf(1, 4)].map((values) =>
      batcher.submit('a', sessions, values, never()),
    );
    const [first, second] = await Promise.all(jobs);
    expect(first?.logits).toEqual(await alone(patchesOf(1, 3)));
    expect(second?.logits).toHaveLength(2 * classes);
    expect(largestDifference(second?.logits ?? [], await alone(patchesOf(2, 5)))).toBeGreaterThan(0);
  });

  test('takes what waits for a GPU into one batch, padded to the size of a session, without changing results', async () => {
    const runs: [session: string, patches: number][] = [];
    const [worker] = workers as readonly [InferenceWorker];
    const watched = {
      isReady: true,
      events: worker.events,
      run: (session: string, patches: Uint8Array<ArrayBuffer>) => {
        runs.push([session, patches.length / patchBytes]);
        return worker.run('smallBatch', patches);
      },
    } as unknown as InferenceWorker;
    const gpuBatches = [1, 16, 64].map((patches) => ({ patches, session: `of ${patches}` }));
    const gpu: ModelSessions = { ...sessions, workers: 1, gpuBatches };
    const batcher = openBatcher([watched]);
    const counts = [3, 15, 15, 11, 15, 15, 1];
    const jobs = counts.map((count, i) => batcher.submit('a', gpu, patchesOf(count, i), never()));
    const results = await Promise.all(jobs);
    // Three at once, then the 56 that fit into 64, then the rest.
    expect(runs).toEqual([
      ['of 16', 16],
      ['of 64', 64],
      ['of 16', 16],
    ]);
    expect(results.map(({ batchPatches }) => batchPatches)).toEqual([3, 56, 56, 56, 56, 16, 16]);
    for (const [i, { logits }] of results.entries()) {
      expect(logits).toHaveLength((counts[i] ?? 0) * classes);
      const own = await alone(patchesOf(counts[i] ?? 0, i));
      expect(largestDifference(logits, own)).toBeLessThan(tolerances.engineLogit);
    }
    expect([batcher.maxPatches(gpu), batcher.maxPatches(sessions)]).toEqual([64, 16]);
  });

  test('runs a request of another model at once while a model is busy', async () => {
    const batcher = openBatcher();
    const other: ModelSessions = { ...sessions };
    const busy = [0, 1, 2].map((seed) => batcher.submit('a', sessions, patchesOf(2, seed), never()));
    const job = batcher.submit('a', other, patchesOf(1, 9), never());
    // Those of the busy model gather, that of the other one has a worker.
    expect(batcher.waiting).toBe(2);
    const { logits, batchPatches } = await job;
    expect(batchPatches).toBe(1);
    expect(largestDifference(logits, await alone(patchesOf(1, 9)))).toBeLessThan(tolerances.engineLogit);
    await Promise.all(busy);
  });

  test('never computes cancelled requests', async () => {
    const batcher = openBatcher();
    const gone = new AbortController();
    const first = batcher.submit('a', sessions, patchesOf(15, 1), never());
    const left = Array.from({ length: 5 }, (_, i) =>
      batcher.submit('b', sessions, patchesOf(1, i), gone.signal),
    );
    gone.abort(new Error('left'));
    for (const job of left) await expect(job).rejects.toThrow('left');
    expect(batcher.waiting).toBe(0);
    expect((await first).batchPatches).toBe(15);
    await expect(batcher.submit('b', sessions, patchesOf(1, 1), gone.signal)).rejects.toThrow('left');
  });

  test('continues after a failed run', async () => {
    const batcher = openBatcher();
    const unknown: ModelSessions = { smallBatch: 'none', largeBatch: 'none', parallel: 'none', workers: 2 };
    await expect(batcher.submit('a', unknown, patchesOf(1, 1), never())).rejects.toMatchObject({
      code: 'internal',
    });
    expect((await batcher.submit('a', sessions, patchesOf(1, 1), never())).batchPatches).toBe(1);
  });

  test('continues after a batch that cannot start', async () => {
    const batcher = openBatcher();
    const onLargeBatch = () => {
      throw new Error('cannot begin');
    };
    const broken = batcher.submit('a', { ...sessions, onLargeBatch }, patchesOf(5, 1), never());
    await expect(broken).rejects.toThrow('cannot begin');
    const jobs = [1, 2].map((seed) => batcher.submit('a', sessions, patchesOf(15, seed), never()));
    for (const { batchPatches } of await Promise.all(jobs)) expect(batchPatches).toBe(15);
  });

  test('rejects waiting requests when it is closed, and answers those being computed', async () => {
    const batcher = openBatcher();
    const [first, ...waiting] = [1, 2, 3].map((seed) =>
      batcher.submit('a', sessions, patchesOf(1, seed), never()),
    );
    batcher.close();
    const ends = await Promise.allSettled([...waiting, first]);
    expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    const late = batcher.submit('a', sessions, patchesOf(1, 4), never());
    await expect(late).rejects.toThrow('the batcher is closed');
  });

  test('leaves no listener on its workers when it is closed', () => {
    const listeners = () => workers.map(({ events }) => events.listenerCount('ready'));
    const batcher = new Batcher(workers, settings);
    expect(listeners()).toEqual([1, 1]);
    batcher.close();
    expect(listeners()).toEqual([0, 0]);
  });

  test('rejects more patches than a batch has', async () => {
    const batcher = openBatcher();
    const tooMany = new Uint8Array(17 * patchBytes);
    await expect(batcher.submit('a', sessions, tooMany, never())).rejects.toMatchObject({ code: 'internal' });
  });
});
