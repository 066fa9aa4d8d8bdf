/**
 * The state of the engine when a run begins: that of a checkpoint, random values, or the parameters of a
 * trained network (fine-tuning).
 */
import { resolve } from 'node:path';
import { TexturaError } from '../../model/error.ts';
import type { Network } from '../../model/network.ts';
import {
  initialParameters,
  type Parameters,
  type TrainingState,
  zeroParameters,
} from '../../model/parameters.ts';
import type { Batch } from '../../model/patch.ts';
import type { Run } from '../../model/run-file.ts';
import { configuredNetwork, type TrainingConfig } from '../../model/training-config.ts';
import { normsOf, type Transfer, transfer, unfoldNorm } from '../../model/transfer.ts';
import { counted, oneLine } from '../../model/words.ts';
import type { Terminal } from '../../node/terminal.ts';
import { collator, type LoaderSettings } from '../data/collate.ts';
import { batchRanges } from '../data/data-loader.ts';
import type { Engine } from '../engine/engine.ts';
import { type Checkpoint, newestCheckpoint } from './checkpoint.ts';
import { type InitialModel, readInitialModel, requireSameModel } from './initial-model.ts';
import { freshProgress } from './loop.ts';

/** For a network before its data is read. */
export const fewestClasses = { classes: 2, meanGrey: 0 };

/** Errors: `usage` if `init` is another model than the one that a resumed run started from. */
export function requireSameInit(init: string | undefined, stored: Pick<Run, 'init'> | undefined): void {
  if (init === undefined || stored === undefined || init === stored.init?.source) return;
  const started = stored.init === undefined ? 'random values' : oneLine(stored.init.source);
  throw new TexturaError(
    'usage',
    `--resume: the run started from ${started}, so omit --init ${oneLine(init)}, or choose another --out`,
  );
}

/**
 * The trained network that a run without a checkpoint starts from; undefined if it starts from random values.
 * It is read before the data, so that a mistake shows at once.
 * Errors: those of `readInitialModel`; `usage` if it is no longer the model that the run started from.
 */
export async function modelToStartFrom(
  init: string | undefined,
  stored: Pick<Run, 'init'> | undefined,
  config: TrainingConfig,
): Promise<InitialModel | undefined> {
  const source = init ?? stored?.init?.source;
  if (source === undefined) return undefined;
  const model = await readInitialModel(source, configuredNetwork(config, fewestClasses));
  if (stored?.init !== undefined) requireSameModel(model, stored.init);
  return model;
}

export interface Start extends Checkpoint {
  /** For the record of a run that starts from a trained network. */
  readonly init?: Run['init'];
}

interface StartSettings {
  readonly directory: string;
  readonly engine: Engine;
  readonly network: Network;
  readonly config: TrainingConfig;
  /** The record of a run to resume. */
  readonly stored: Run | undefined;
  readonly labels: readonly string[];
  readonly data: Pick<Run['data'], 'source' | 'fingerprint'>;
  readonly loaderSettings: LoaderSettings;
  readonly terminal: Terminal;
}

/** The newest intact checkpoint of a resumed run, or the first state of a new one. */
export async function startingPoint(
  model: InitialModel | undefined,
  settings: StartSettings,
): Promise<Start> {
  const { directory, network, stored, terminal } = settings;
  const found = stored && (await newestCheckpoint(directory, network));
  for (const damage of found?.damage ?? []) terminal.line(`Resuming from the previous checkpoint: ${damage}`);
  if (found !== undefined) return { ...found.checkpoint, init: stored?.init };
  // A run that was stopped before its first checkpoint starts again.
  const { transferred, ...first } = await firstState(model, settings);
  if (model !== undefined && transferred !== undefined) {
    terminal.line(initialModelText(model, transferred, settings));
  }
  return { progress: freshProgress, ...first };
}

interface FirstState {
  readonly state: TrainingState;
  readonly init?: Run['init'];
  readonly transferred?: Transfer;
}

/** The first state of a run that starts from `source`, or from random values if it is undefined. */
export async function firstState(
  source: InitialModel | undefined,
  {
    engine,
    network,
    config,
    labels,
    loaderSettings,
  }: Pick<StartSettings, 'engine' | 'network' | 'config' | 'labels' | 'loaderSettings'>,
): Promise<FirstState> {
  const momentum = zeroParameters(network);
  if (source === undefined)
    return { state: { parameters: initialParameters(network, config.seed), momentum } };
  const transferred = transfer(source, network, labels, config.seed);
  const batches = transferred.folded === undefined ? [] : await firstBatches(loaderSettings, config);
  const parameters = await restoredParameters(engine, network, transferred, batches);
  const { sha256, source: path } = source;
  return {
    state: { parameters, momentum },
    init: { source: path, sha256, keptClasses: [...transferred.keptClasses] },
    transferred,
  };
}

/** Sentences for the terminal. */
function initialModelText(
  { source, sha256, labels: before, data: trainedOn }: InitialModel,
  { keptClasses, folded }: Transfer,
  { labels, data }: Pick<StartSettings, 'labels' | 'data'>,
): string {
  const fresh = labels.length - keptClasses.length;
  const head =
    keptClasses.length === 0
      ? `The last layer is new${before.length === 0 ? '' : `: ${counted(labels.length, 'class', 'classes')} instead of ${before.length}`}.`
      : fresh === 0
        ? 'The last layer is kept.'
        : `The last layer keeps ${counted(keptClasses.length, 'class', 'classes')} of the same name, and ${fresh} start new.`;
  const lines = [`Starting from ${oneLine(source)} (SHA-256 ${sha256.slice(0, 12)}). ${head}`];
  if (folded !== undefined) {
    lines.push('  Its batch normalisations are restored from statistics of the training patches.');
  }
  if (trainedOn === undefined && keptClasses.length > 0) {
    lines.push(
      '  Note: the file does not say on which photographs it was trained. If some of them validate this run,',
      '  its validation error is too low.',
    );
  }
  if (trainedOn !== undefined && sharesPhotographs(trainedOn, data)) {
    lines.push(
      '  Warning: it was trained on another split of the same folder, perhaps on photographs that validate this run,',
      '  whose validation error is then too low. Use the same --seed and --folds in both runs.',
    );
  }
  return lines.join('\n');
}

function sharesPhotographs(before: StartSettings['data'], now: StartSettings['data']): boolean {
  return resolve(before.source) === resolve(now.source) && before.fingerprint !== now.fingerprint;
}

/** Patches that the statistics of a restored batch normalisation are averaged over. */
const statisticsPatches = 660;

/** The first training batches. */
async function firstBatches(
  settings: LoaderSettings,
  { patchesPerEpoch, batch }: TrainingConfig,
): Promise<readonly Batch[]> {
  const collate = collator(settings);
  const ranges = batchRanges(Math.min(patchesPerEpoch, statisticsPatches), batch);
  const batches: Batch[] = [];
  for (const range of ranges) batches.push(await collate({ split: 'train', epoch: 1, ...range }));
  return batches;
}

/**
 * The parameters to start from. Restores folded batch normalisations in order: steps with a learning rate of
 * 0 measure the statistics of one, and with its values the network computes the input of the next.
 */
export async function restoredParameters(
  engine: Engine,
  network: Network,
  { parameters, folded }: Transfer,
  batches: readonly Batch[],
): Promise<Parameters> {
  if (folded === undefined) return parameters;
  let current = parameters;
  for (const norm of normsOf(network)) {
    await engine.write({ parameters: current, momentum: zeroParameters(network) });
    for (const [i, batch] of batches.entries()) {
      const settings = { learningRate: 0, momentum: 0, weightDecay: 0, statisticsRate: 1 / (i + 1) };
      await engine.step(batch, settings);
    }
    current = unfoldNorm(network, norm, (await engine.read()).parameters, folded);
  }
  return current;
}
