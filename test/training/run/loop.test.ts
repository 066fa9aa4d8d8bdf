import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MetricsRow } from '../../../model/metrics.ts';
import { networkOf } from '../../../model/network.ts';
import type { TrainingState } from '../../../model/parameters.ts';
import { initialParameters, zeroParameters } from '../../../model/parameters.ts';
import { meanScores } from '../../../model/scores.ts';
import { type TrainingConfig, trainingConfigSchema } from '../../../model/training-config.ts';
import { drawTexture, type TextureName } from '../../../textures/textures.ts';
import { type BatchSource, startBatches } from '../../../training/data/batches.ts';
import type { DatasetImage } from '../../../training/data/dataset.ts';
import { startPixelCache } from '../../../training/data/pixel-cache.ts';
import { planGrid } from '../../../training/data/plan.ts';
import type { Engine } from '../../../training/engine/engine.ts';
import { onnxEngine } from '../../../training/engine/onnx-engine.ts';
import { type Checkpoint, newestCheckpoint, readCheckpoint } from '../../../training/run/checkpoint.ts';
import { bestRow, freshProgress, type TrainingSession, train, validate } from '../../../training/run/loop.ts';
import { learningRateAt } from '../../../training/run/schedule.ts';
import { memoryPictures } from '../../support/memory-pictures.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const classes: readonly TextureName[] = ['brick', 'knit', 'water'];
const network = networkOf('lab-baseline', classes.length);
const settings = { variant: 'lab-baseline', epochs: 3, batch: 3, patchesPerEpoch: 7, seed: 5 } as const;
const stepsPerEpoch = 3;
const data = memoryPictures(classes);
const fresh: Checkpoint = {
  progress: freshProgress,
  state: { parameters: initialParameters(network, settings.seed), momentum: zeroParameters(network) },
};

function batchesOf(patchesPerEpoch: number): BatchSource {
  const { seed } = settings;
  return startBatches({ ...data, patchesPerEpoch, seed, augment: 'jitter64', patchPx: 64, cacheBytes: 0 }, 1);
}

let batches: BatchSource;
let engine: Engine;
beforeAll(async () => {
  batches = batchesOf(settings.patchesPerEpoch);
  engine = await onnxEngine(network, { threads: 1, batch: settings.batch });
});
afterAll(async () => {
  await batches.close();
  await engine.dispose();
});

interface Wishes {
  readonly directory: string;
  readonly config?: Partial<TrainingConfig>;
  readonly from?: Checkpoint;
  /** Steps after which a stop is asked for. */
  readonly stopAfter?: number;
  readonly source?: BatchSource;
  readonly computes?: Engine;
}

/** Trains from a checkpoint, as a process that has just begun would. */
async function trainFrom({
  directory,
  config = {},
  from = fresh,
  stopAfter,
  source = batches,
  computes = engine,
}: Wishes) {
  await computes.write(from.state);
  const published: (readonly MetricsRow[])[] = [];
  let steps = 0;
  const session: TrainingSession = {
    config: trainingConfigSchema.parse({ ...settings, ...config }),
    network,
    engine: computes,
    batches: source,
    directory,
    validationPatches: planGrid(data.validation, 64).length,
    stopRequested: () => steps === stopAfter,
    watcher: {
      stepped: () => {
        steps++;
      },
      epochEnded: async (history) => {
        published.push(history);
      },
    },
  };
  const outcome = await train(session, from.progress);
  return { outcome, steps, published };
}

/** Rows without what a clock decides. */
function withoutTimes(rows: readonly MetricsRow[]) {
  return rows.map(({ images_per_second: _rate, seconds: _seconds, ...row }) => row);
}

/** All values and momentum as bytes: equal where every bit is. */
function bitsOf({ parameters, momentum }: TrainingState): string {
  const all = [...parameters.values(), ...momentum.values()];
  return Buffer.concat(
    all.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)),
  ).toString('base64');
}

async function bitsIn(directory: string, name: 'last' | 'best'): Promise<string> {
  const checkpoint = await readCheckpoint(directory, network, name);
  return checkpoint === undefined ? 'none' : bitsOf(checkpoint.state);
}

test('a run that was stopped after any of its steps goes on to the same rows and the same bits', async () => {
  const whole = await temporaryFolder();
  const expected = await trainFrom({ directory: whole });
  expect(expected.outcome).toMatchObject({ status: 'finished', endedEarly: false });
  const expectedBits = [await bitsIn(whole, 'last'), await bitsIn(whole, 'best')];
  for (let stopAfter = 1; stopAfter <= settings.epochs * stepsPerEpoch; stopAfter++) {
    const directory = await temporaryFolder();
    const cut = await trainFrom({ directory, stopAfter });
    expect(cut).toMatchObject({
      steps: stopAfter,
      outcome: { status: 'stopped', epoch: Math.ceil(stopAfter / stepsPerEpoch) },
    });
    const found = await newestCheckpoint(directory, network);
    const rest = await trainFrom({ directory, from: found?.checkpoint ?? fresh });
    expect(rest.steps, 'no step is taken twice').toBe(expected.steps - stopAfter);
    expect(withoutTimes(rest.outcome.history)).toEqual(withoutTimes(expected.outcome.history));
    expect([await bitsIn(directory, 'last'), await bitsIn(directory, 'best')]).toEqual(expectedBits);
  }
});

test('a run that goes on twice, stopped in the same epoch, is still the same', async () => {
  const [whole, directory] = [await temporaryFolder(), await temporaryFolder()];
  const expected = await trainFrom({ directory: whole });
  let from = fresh;
  for (let stop = 0; stop < 2; stop++) {
    await trainFrom({ directory, from, stopAfter: 1 });
    from = (await newestCheckpoint(directory, network))?.checkpoint ?? fresh;
    expect(from.progress).toMatchObject({ epochsDone: 0, stepsDone: stop + 1 });
  }
  const rest = await trainFrom({ directory, from });
  expect(withoutTimes(rest.outcome.history)).toEqual(withoutTimes(expected.outcome.history));
  expect(await bitsIn(directory, 'last')).toBe(await bitsIn(whole, 'last'));
});

test('each epoch publishes all rows so far, and `best` holds the epoch of the best row', async () => {
  const directory = await temporaryFolder();
  const { outcome, published } = await trainFrom({ directory });
  expect(published.map((rows) => rows.map(({ epoch, split }) => `${epoch} ${split}`))).toEqual([
    ['1 train', '1 val'],
    ['1 train', '1 val', '2 train', '2 val'],
    ['1 train', '1 val', '2 train', '2 val', '3 train', '3 val'],
  ]);
  expect((await readCheckpoint(directory, network, 'best'))?.progress.epochsDone).toBe(
    bestRow(outcome.history)?.epoch,
  );
});

test('each step has its own learning rate from the schedule, and rows tell the last one of their epoch', async () => {
  const rates: number[] = [];
  const computes: Engine = {
    ...engine,
    step: (batch, step) => {
      rates.push(step.learningRate);
      return engine.step(batch, step);
    },
  };
  const { outcome } = await trainFrom({ directory: await temporaryFolder(), computes });
  const schedule = {
    shape: 'cosine',
    peak: 0.01,
    warmupSteps: stepsPerEpoch,
    totalSteps: 3 * stepsPerEpoch,
  } as const;
  expect(rates).toEqual(Array.from({ length: 9 }, (_, step) => learningRateAt(schedule, step)));
  expect(outcome.history.map((row) => row.learning_rate)).toEqual(
    [2, 2, 5, 5, 8, 8].map((step) => rates[step]),
  );
});

test('another seed of the patches is another run', async () => {
  const [one, other] = [await temporaryFolder(), await temporaryFolder()];
  const source = startBatches(
    { ...data, patchesPerEpoch: 7, seed: 6, augment: 'jitter64', patchPx: 64, cacheBytes: 0 },
    1,
  );
  await trainFrom({ directory: one, config: { epochs: 1 } });
  await trainFrom({ directory: other, config: { epochs: 1 }, source });
  await source.close();
  expect(await bitsIn(one, 'last')).not.toBe(await bitsIn(other, 'last'));
});

test('the errors of an epoch are shares of all its patches, those of the last small batch included', async () => {
  const { outcome } = await trainFrom({ directory: await temporaryFolder(), config: { epochs: 1 } });
  const [row] = outcome.history;
  const errors = (row?.top1err ?? Number.NaN) * settings.patchesPerEpoch;
  expect(errors).toBeCloseTo(Math.round(errors), 9);
});

test('an epoch of fewer patches than a batch is one step, which moves the values', async () => {
  const directory = await temporaryFolder();
  const source = batchesOf(2);
  const computes = await onnxEngine(network, { threads: 1, batch: 8 });
  const config = { epochs: 1, batch: 8, patchesPerEpoch: 2 };
  const { outcome, steps } = await trainFrom({ directory, config, source, computes });
  await source.close();
  await computes.dispose();
  expect(steps).toBe(1);
  for (const { objective } of outcome.history) {
    expect(objective).toBeGreaterThan(0);
    expect(objective).toBeLessThan(100);
  }
  expect(await bitsIn(directory, 'last')).not.toBe(bitsOf(fresh.state));
});

test('a run whose objective is no longer finite ends, and its last good checkpoint stays', async () => {
  const directory = await temporaryFolder();
  const good = await trainFrom({ directory, config: { epochs: 1 } });
  const from = (await newestCheckpoint(directory, network))?.checkpoint ?? fresh;
  const wild = { epochs: 60, learningRate: 10, warmupEpochs: 0, momentum: 0.99 };
  const { outcome, published } = await trainFrom({ directory, from, config: wild });
  if (outcome.status !== 'diverged') throw new Error(`expected to diverge, got ${outcome.status}`);
  expect(outcome.kind).toBe('not finite');
  expect(Number.isFinite(outcome.history.at(-1)?.objective)).toBe(false);
  expect(outcome.history.at(-1)?.epoch).toBe(outcome.epoch);
  expect(published.at(-1), 'the epoch that diverged is published').toEqual(outcome.history);
  expect(outcome.history.slice(0, 2)).toEqual(good.outcome.history);
  const kept = await newestCheckpoint(directory, network);
  expect(kept?.checkpoint.progress.epochsDone).toBe(outcome.epoch - 1);
  for (const row of kept?.checkpoint.progress.history ?? [])
    expect(Number.isFinite(row.objective)).toBe(true);
});

test('a run whose loss explodes and stays finite is diverged too once its epochs are over', async () => {
  const directory = await temporaryFolder();
  const wild = { epochs: 1, learningRate: 10, warmupEpochs: 0 };
  const { outcome, published } = await trainFrom({ directory, config: wild });
  expect(outcome.history).toHaveLength(2);
  for (const { objective } of outcome.history) expect(Number.isFinite(objective)).toBe(true);
  expect(outcome).toMatchObject({ status: 'diverged', kind: 'exploded', epoch: 1 });
  expect(published.at(-1)).toEqual(outcome.history);
  const from = (await newestCheckpoint(directory, network))?.checkpoint ?? fresh;
  const again = await trainFrom({ directory, config: wild, from });
  expect(again, 'it has ended so for good').toMatchObject({ steps: 0, outcome: { status: 'diverged' } });
});

test('patience ends a run whose validation does not get better; equal is not better', async () => {
  const directory = await temporaryFolder();
  // A rate that rounds away: every epoch validates exactly alike.
  const config = { epochs: 9, patience: 2, learningRate: 1e-30 };
  const { outcome } = await trainFrom({ directory, config });
  expect(outcome).toMatchObject({ status: 'finished', endedEarly: true });
  expect(outcome.history.at(-1)?.epoch).toBe(3);
  expect(bestRow(outcome.history)?.epoch).toBe(1);
  const from = (await newestCheckpoint(directory, network))?.checkpoint ?? fresh;
  const again = await trainFrom({ directory, config, from });
  expect(again, 'it has ended for good').toMatchObject({ steps: 0, outcome: { endedEarly: true } });
});

const rowOf = (
  epoch: number,
  top1err: number,
  objective: number,
  split: 'train' | 'val' = 'val',
): MetricsRow => ({
  ...{ epoch, split, objective, top1err },
  ...{ top5err: 0, images_per_second: 1, learning_rate: 0.1, seconds: 1 },
});

test('the best row is a validation row: lowest error, then lowest objective, then the earliest', () => {
  expect(bestRow([])).toBeUndefined();
  expect(bestRow([rowOf(1, 0.1, 0.1, 'train')])).toBeUndefined();
  expect(bestRow([rowOf(1, Number.NaN, Number.NaN)])).toBeUndefined();
  const rows = [rowOf(1, 0.3, 0.2), rowOf(2, 0.2, 0.9), rowOf(3, 0.2, 0.8), rowOf(4, 0.2, 0.8)];
  expect(bestRow([...rows, rowOf(5, 0, 0, 'train'), rowOf(6, 0, Number.NaN)])?.epoch).toBe(3);
});

const balancedRow = (epoch: number, top1err: number, balanced: number, objective = 1): MetricsRow => ({
  ...rowOf(epoch, top1err, objective),
  balanced_top1err: balanced,
});

test('the best row is chosen by balanced error, so that a class of few patches can move it', () => {
  const rows = [balancedRow(1, 0.1, 0.5), balancedRow(2, 0.2, 0.3), balancedRow(3, 0.15, 0.4)];
  expect(bestRow(rows)?.epoch).toBe(2);
  const ties = [balancedRow(1, 0.1, 0.3, 0.9), balancedRow(2, 0.2, 0.3, 0.8), balancedRow(3, 0.1, 0.3, 0.8)];
  expect(bestRow(ties)?.epoch, 'lower objective, then the earliest').toBe(2);
});

test('a run of an earlier version, whose rows have no balanced error, is chosen by top-1 error to its end', () => {
  const old = [rowOf(1, 0.3, 1), rowOf(2, 0.2, 1)];
  expect(bestRow([...old, balancedRow(3, 0.25, 0.1)])?.epoch).toBe(2);
  expect(bestRow([...old, balancedRow(3, 0.1, 0.9)])?.epoch).toBe(3);
});

test('a validation row has the balanced error of its answers', async () => {
  // Four pictures of brick, one of the others; the network before its first real step names one class for all
  // of them.
  const cache = startPixelCache(1e6);
  const counts = [4, 1, 1];
  const validation = counts.flatMap((count, label) =>
    Array.from({ length: count }, (_, i) => {
      const texture = classes[label] as TextureName;
      const image: DatasetImage = {
        ...(data.validation[label] as DatasetImage),
        name: `${label} ${i}`,
        contentHash: `${i}`,
      };
      cache.add(image, drawTexture(texture, 1, 2 + i, 70, 66));
      return image;
    }),
  );
  for (const image of data.train)
    cache.add(image, drawTexture(classes[image.label] as TextureName, 1, 0, 70, 66));
  const pixels = cache.pixelsOf([...data.train, ...validation]);
  const setting = {
    train: data.train,
    validation,
    pixels,
    patchesPerEpoch: 7,
    seed: 5,
    augment: 'none',
  } as const;
  const source = startBatches({ ...setting, patchPx: 64, cacheBytes: 0 }, 1);
  await engine.write(fresh.state);
  const patches = planGrid(validation, 64).length;
  const config = trainingConfigSchema.parse(settings);
  const seen: { label: number; named: number }[] = [];
  const { balancedTop1err, sums } = await validate(
    { engine, batches: source, validationPatches: patches, config, network },
    (logits, labels) => {
      labels.forEach((label, i) => {
        const row = [...logits.subarray(i * 3, i * 3 + 3)];
        seen.push({ label, named: row.indexOf(Math.max(...row)) });
      });
    },
  );
  await source.close();
  const errors = counts.map((_, label) => {
    const own = seen.filter((one) => one.label === label);
    return own.filter(({ named }) => named !== label).length / own.length;
  });
  expect(seen).toHaveLength(patches);
  expect(balancedTop1err).toBeCloseTo(errors.reduce((a, b) => a + b) / 3, 12);
  expect(balancedTop1err).not.toBeCloseTo(meanScores(sums).top1err, 3);
});
