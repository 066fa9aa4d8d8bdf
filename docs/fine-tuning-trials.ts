/**
 * The trials of docs/fine-tuning.md: texture-net trained on a few photographs of each class, from random
 * values or from a trained network, and tested on photographs that no trial trains on. A trial takes the same
 * steps as `npm run train`; only the report and the files of a run are left out.
 */
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import type { Network } from '../model/network.ts';
import { randomStream, shuffle } from '../model/random.ts';
import { addScores, meanScores, noScores } from '../model/scores.ts';
import {
  configuredNetwork,
  type TrainingConfig,
  trainingConfigSchema,
  withRecipe,
} from '../model/training-config.ts';
import { validationErrors } from '../model/validation-file.ts';
import type { LoaderSettings } from '../training/data/collate.ts';
import { batchRanges, startDataLoader } from '../training/data/data-loader.ts';
import { type Dataset, loadDataset } from '../training/data/dataset.ts';
import { validationGrid } from '../training/data/sampler.ts';
import { defaultStatisticsRate, type Engine } from '../training/engine/engine.ts';
import { onnxEngine } from '../training/engine/onnx-engine.ts';
import { readInitialModel } from '../training/run/initial-model.ts';
import { learningRateAt, scheduleOf } from '../training/run/schedule.ts';
import { firstState } from '../training/run/starting-point.ts';
import { type GridLogits, validate, validatedImages } from '../training/run/validation.ts';
import {
  openFeatures,
  type PatchFeatures,
  taughtLogits,
  testPatches,
  trainingPatches,
} from './last-layer-trials.ts';

/** What a trial is, and the key of its result. */
export const trialSchema = z.strictObject({
  /** Name of the data set. */
  data: z.string(),
  /** Name of the network that it starts from. */
  start: z.string(),
  photographs: z.int().min(1),
  /** Of all layers; the last layer alone is trained on unchanged patches. */
  augment: trainingConfigSchema.shape.augment.default('none'),
  /** 0 if only the last layer is trained. */
  steps: z.int().min(0),
  /** 0 if only the last layer is trained. */
  learningRate: z.number().nonnegative(),
  /** Seed of the choice of photographs, the patches and the initial values. */
  draw: z.int().min(1),
});
export type Trial = z.infer<typeof trialSchema>;

export const resultSchema = trialSchema.extend({
  patchError: z.number(),
  photographError: z.number(),
  testPhotographs: z.int(),
  /** Mean loss of the last fifth of the steps. */
  trainLoss: z.number().optional(),
  /** Of the training. */
  seconds: z.number(),
});
export type TrialResult = z.infer<typeof resultSchema>;

const trialBatch = 66;
/** Share of the steps in which the learning rate rises. */
const warmupShare = 0.1;
/** Photographs of each class that are only tested on, at most; and their share. */
const testShare = 0.2;

interface TrialSettings {
  /** Data folder of each name. */
  readonly folders: Readonly<Record<string, string>>;
  /** Run directory or file of each start; undefined for random values. */
  readonly starts: Readonly<Record<string, string | undefined>>;
  readonly threads: number;
}

/** Runs trials one after another; engines and data are shared by those that follow each other. */
export async function runTrials(
  trials: readonly Trial[],
  settings: TrialSettings,
  take: (result: TrialResult) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'textura-fine-tuning-'));
  const engines = new Map<string, { readonly network: Network; readonly engine: Engine }>();
  const tests = new Map<string, PatchFeatures>();
  let loaded: { readonly name: string; readonly dataset: Dataset } | undefined;
  try {
    for (const trial of trials) {
      const name = `${trial.data}-${trial.photographs}-${trial.draw}`;
      const config = configOf(trial, join(folder, name));
      if (loaded?.name !== name) {
        await rm(config.data, { recursive: true, force: true });
        await chooseFiles(folderOf(settings, trial.data), config.data, trial);
        const { data, patchPx, seed, validationShare } = config;
        loaded = {
          name,
          dataset: await loadDataset({ data, patchPx, seed, validationShare, cacheBytes: 2 ** 30 }),
        };
      }
      const { dataset } = loaded;
      const opened = engines.get(trial.data) ?? (await openedFor(dataset, config, settings.threads));
      engines.set(trial.data, opened);
      const run = { trial, config, dataset, ...opened, settings };
      const result = trial.steps === 0 ? await teachLastLayer(run, tests) : await trainAllLayers(run);
      await take({ ...trial, ...result });
    }
  } finally {
    for (const { engine } of engines.values()) await engine.dispose();
    await rm(folder, { recursive: true });
  }
}

function folderOf({ folders }: TrialSettings, name: string): string {
  const folder = folders[name];
  if (folder === undefined) throw new TexturaError('usage', `no data folder for ${name}`);
  return folder;
}

function configOf({ steps, learningRate, augment, draw }: Trial, data: string): TrainingConfig {
  const variant = 'texture-net';
  const recipe = withRecipe(trainingConfigSchema.parse({ data }), { recipe: 'default', variant }, new Set());
  const patchesPerEpoch = Math.max(1, steps) * trialBatch;
  return {
    ...recipe,
    variant,
    augment,
    epochs: 1,
    patchesPerEpoch,
    batch: trialBatch,
    ...(learningRate > 0 && { learningRate }),
    warmupEpochs: warmupShare,
    seed: draw,
  };
}

async function openedFor(dataset: Dataset, config: TrainingConfig, threads: number) {
  const network = configuredNetwork(config, { classes: dataset.labels.length, meanGrey: 0 });
  return { network, engine: await onnxEngine(network, { threads, batch: trialBatch }) };
}

/**
 * Links the chosen photographs into `train/` and `val/` of a folder. The test photographs are the same in all
 * draws.
 */
async function chooseFiles(source: string, folder: string, { photographs, draw }: Trial): Promise<void> {
  for (const label of (await readdir(source)).sort()) {
    const names = shuffle((await readdir(join(source, label))).sort(), randomStream(1, 'test', label));
    const tests = Math.ceil(names.length * testShare);
    const rest = shuffle(names.slice(tests).sort(), randomStream(draw, 'photographs', label));
    if (rest.length < photographs) {
      throw new TexturaError(
        'data-unusable',
        `${join(source, label)}: expected ${tests + photographs} or more photographs, got ${names.length}`,
      );
    }
    for (const [split, chosen] of [
      ['train', rest.slice(0, photographs)],
      ['val', names.slice(0, tests)],
    ] as const) {
      await mkdir(join(folder, split, label), { recursive: true });
      for (const name of chosen) {
        await symlink(resolve(source, label, name), join(folder, split, label, name));
      }
    }
  }
}

interface TrialRun {
  readonly trial: Trial;
  readonly config: TrainingConfig;
  readonly dataset: Dataset;
  readonly network: Network;
  readonly engine: Engine;
  readonly settings: TrialSettings;
}

type TrialOutcome = Omit<TrialResult, keyof Trial>;

async function trainAllLayers(run: TrialRun): Promise<TrialOutcome> {
  const { config, dataset, network, engine } = run;
  const loaderSettings = loaderSettingsOf(run);
  await engine.write(await startOf(run, loaderSettings));
  const loader = startDataLoader(loaderSettings, 1);
  try {
    const training = await takeSteps(engine, network, config, loader);
    const grid = validationGrid(dataset.validation, config.patchPx);
    const labels = new Int32Array(grid.length);
    const logits = new Float32Array(grid.length * network.classes);
    let at = 0;
    const patches = { start: 0, end: grid.length };
    await validate({ engine, network, loader, patches, batch: config.batch }, (rows, answers) => {
      labels.set(answers, at);
      logits.set(rows, at * network.classes);
      at += answers.length;
    });
    return { ...errorsOf(dataset, config, { labels, logits }), ...training };
  } finally {
    await loader.close();
  }
}

/** The features of the test patches are computed once for each network. */
async function teachLastLayer(run: TrialRun, tests: Map<string, PatchFeatures>): Promise<TrialOutcome> {
  const { trial, config, dataset, network, settings } = run;
  const loaderSettings = loaderSettingsOf(run);
  const { parameters } = await startOf(run, loaderSettings);
  const features = await openFeatures(network, parameters, settings.threads);
  try {
    const startedAt = performance.now();
    const training = await features.of(await trainingPatches(loaderSettings));
    const spentMs = performance.now() - startedAt;
    // Random values differ from draw to draw.
    const name = [trial.data, trial.start, trial.start === 'random' ? trial.draw : ''].join();
    const test = tests.get(name) ?? (await features.of(await testPatches(loaderSettings)));
    tests.set(name, test);
    const taughtAt = performance.now();
    const logits = taughtLogits(training, test, network.classes);
    const seconds = (spentMs + performance.now() - taughtAt) / 1000;
    return { ...errorsOf(dataset, config, { labels: test.classes, logits }), seconds };
  } finally {
    await features.close();
  }
}

function loaderSettingsOf({ config, dataset }: TrialRun): LoaderSettings {
  const { train, validation, pixels } = dataset;
  const { patchesPerEpoch, patchPx, augment, seed, maxImagePixels } = config;
  const settings = { patchesPerEpoch, patchPx, augment, seed, maxImagePixels, cacheBytes: 2 ** 30 };
  return { train, validation, pixels, ...settings };
}

async function startOf(
  { trial, config, dataset, network, engine, settings }: TrialRun,
  loaderSettings: LoaderSettings,
) {
  const source = settings.starts[trial.start];
  const model = source === undefined ? undefined : await readInitialModel(source, network);
  const { labels } = dataset;
  return (await firstState(model, { engine, network, config, labels, loaderSettings })).state;
}

function errorsOf(
  { labels, validation }: Dataset,
  { patchPx }: TrainingConfig,
  rows: GridLogits,
): Pick<TrialResult, 'patchError' | 'photographError' | 'testPhotographs'> {
  const images = validatedImages(rows, labels, validationGrid(validation, patchPx), validation);
  return { ...validationErrors(images), testPhotographs: images.length };
}

async function takeSteps(
  engine: Engine,
  network: Network,
  config: TrainingConfig,
  loader: ReturnType<typeof startDataLoader>,
) {
  const { momentum, weightDecay, patchesPerEpoch, batch } = config;
  const schedule = scheduleOf(config);
  const requests = batchRanges(patchesPerEpoch, batch).map(
    (range) => ({ split: 'train', epoch: 1, ...range }) as const,
  );
  let [step, sums] = [0, noScores];
  let seconds = 0;
  for await (const patches of loader.batches(requests)) {
    const startedAt = performance.now();
    const logits = await engine.step(patches, {
      learningRate: learningRateAt(schedule, step),
      ...{ momentum, weightDecay },
      statisticsRate: Math.max(defaultStatisticsRate, 1 / (step + 1)),
    });
    seconds += (performance.now() - startedAt) / 1000;
    step++;
    if (step > 0.8 * requests.length) sums = addScores(sums, logits, patches.labels, network.classes);
  }
  return { seconds, trainLoss: meanScores(sums).objective };
}
