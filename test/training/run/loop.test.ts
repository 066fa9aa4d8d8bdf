import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { MetricsRow } from '../../../model/metrics.ts';
import { networkOf } from '../../../model/network.ts';
import type { TrainingState } from '../../../model/parameters.ts';
import { initialParameters, zeroParameters } from '../../../model/parameters.ts';
import { type TrainingConfig, trainingConfigSchema } from '../../../model/training-config.ts';
import type { TextureName } from '../../../textures/textures.ts';
import { type DataLoader, startDataLoader } from '../../../training/data/data-loader.ts';
import { validationGrid } from '../../../training/data/sampler.ts';
import type { Engine } from '../../../training/engine/engine.ts';
import { onnxEngine } from '../../../training/engine/onnx-engine.ts';
import { type Checkpoint, newestCheckpoint, readCheckpoint } from '../../../training/run/checkpoint.ts';
import { freshProgress, type TrainingSession, train } from '../../../training/run/loop.ts';
import { learningRateAt } from '../../../training/run/schedule.ts';
import { bestRow } from '../../../training/run/validation.ts';
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

function loaderOf(patchesPerEpoch: number): DataLoader {
  const { seed } = settings;
  return startDataLoader(
    { ...data, patchesPerEpoch, seed, augment: 'jitter64', patchPx: 64, cacheBytes: 0 },
    1,
  );
}

let loader: DataLoader;
let engine: Engine;
beforeAll(async () => {
  loader = loaderOf(settings.patchesPerEpoch);
  engine = await onnxEngine(network, { threads: 1, batch: settings.batch });
});
afterAll(async () => {
  await loader.close();
  await engine.dispose();
});

interface Start {
  readonly directory: string;
  readonly config?: Partial<TrainingConfig>;
  readonly from?: Checkpoint;
  /** Steps after which a stop is asked for. */
  readonly stopAfter?: number;
  readonly source?: DataLoader;
  readonly computes?: Engine;
}

/** Trains from a checkpoint, as a process that has just begun would. */
async function trainFrom({
  directory,
  config = {},
  from = fresh,
  stopAfter,
  source = loader,
  computes = engine,
}: Start) {
  await computes.write(from.state);
  const published: (readonly MetricsRow[])[] = [];
  let steps = 0;
  const session: TrainingSession = {
    config: trainingConfigSchema.parse({ ...settings, ...config }),
    network,
    engine: computes,
    loader: source,
    directory,
    grid: validationGrid(data.validation, 64),
    stopRequested: () => steps === stopAfter,
    observer: {
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

test('a run that was stopped after any of its steps resumes to the same rows and bit-identical values', async () => {
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

test.each([2, 16])(
  'with %i steps at once a run has the same rows and bit-identical values, and resumes to them',
  async (stepsAtOnce) => {
    const computes = await onnxEngine(network, { threads: 1, batch: settings.batch, stepsAtOnce });
    onTestFinished(() => computes.dispose());
    const [single, whole, directory] = [
      await temporaryFolder(),
      await temporaryFolder(),
      await temporaryFolder(),
    ];
    const expected = await trainFrom({ directory: single });
    const { outcome } = await trainFrom({ directory: whole, computes });
    expect(withoutTimes(outcome.history)).toEqual(withoutTimes(expected.outcome.history));
    expect(await bitsIn(whole, 'last')).toBe(await bitsIn(single, 'last'));

    const cut = await trainFrom({ directory, computes, stopAfter: stepsPerEpoch + 2 });
    expect(cut.outcome.status).toBe(stepsAtOnce === 2 ? 'stopped' : 'finished');
    const found = await newestCheckpoint(directory, network);
    expect(found?.checkpoint.progress).toMatchObject(
      stepsAtOnce === 2 ? { epochsDone: 1, stepsDone: 2 } : { epochsDone: 3 },
    );
    const rest = await trainFrom({ directory, computes, from: found?.checkpoint ?? fresh });
    expect(withoutTimes(rest.outcome.history)).toEqual(withoutTimes(expected.outcome.history));
    expect(await bitsIn(directory, 'last')).toBe(await bitsIn(single, 'last'));
  },
);

test('a run that is resumed twice in the same epoch gives the same result', async () => {
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

test('each epoch publishes all rows so far, and `best` has the epoch of the best row', async () => {
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

test('each step has its own learning rate from the schedule, and rows have the last one of their epoch', async () => {
  const rates: number[] = [];
  const computes: Engine = {
    ...engine,
    steps: (inputs) => {
      rates.push(...inputs.map(({ settings }) => settings.learningRate));
      return engine.steps(inputs);
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

test('another seed gives other patches', async () => {
  const [one, other] = [await temporaryFolder(), await temporaryFolder()];
  const source = startDataLoader(
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

test('an epoch with fewer patches than a batch is one step, which changes the parameters', async () => {
  const directory = await temporaryFolder();
  const source = loaderOf(2);
  const whole = await onnxEngine(network, { threads: 1, batch: 8 });
  const rates: (number | undefined)[] = [];
  const computes: Engine = {
    ...whole,
    steps: (inputs) => {
      rates.push(...inputs.map(({ settings }) => settings.statisticsRate));
      return whole.steps(inputs);
    },
  };
  const config = { epochs: 1, batch: 8, patchesPerEpoch: 2 };
  const { outcome, steps } = await trainFrom({ directory, config, source, computes });
  await source.close();
  await computes.dispose();
  expect(steps).toBe(1);
  expect(rates, 'nothing is left of the initial running averages').toEqual([1]);
  for (const { objective } of outcome.history) {
    expect(objective).toBeGreaterThan(0);
    expect(objective).toBeLessThan(100);
  }
  expect(await bitsIn(directory, 'last')).not.toBe(bitsOf(fresh.state));
});

test('a run whose loss is not finite ends, and its last good checkpoint stays', async () => {
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

test('a run whose loss explodes but stays finite has diverged when it ends', async () => {
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

test('patience ends a run whose validation error does not improve; equal is no improvement', async () => {
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
