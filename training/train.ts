/** `npm run train`: trains a network on a data folder and writes a run directory. */
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { type NetworkName, networkNames, textureNetVariantNames } from '../model/network.ts';
import { isUnfinished } from '../model/run-file.ts';
import {
  configuredNetwork,
  recipeKeys,
  recipeOption,
  type TrainingConfig,
  trainingConfigSchema,
  withRecipe,
} from '../model/training-config.ts';
import { counted, oneLine } from '../model/words.ts';
import { callerPath, callerPathHelp } from '../node/caller-path.ts';
import { type CommandDefinition, runIfMain } from '../node/command-line.ts';
import { usableCores } from '../node/machine.ts';
import { readRun } from '../node/records.ts';
import { commandText } from '../node/shell.ts';
import { exitOnStopSignal } from '../node/stop-signal.ts';
import { terminalOn } from '../node/terminal.ts';
import { describeTable } from '../report/description-table.ts';
import { textureNames } from '../textures/textures.ts';
import { dataOption, dataPath, requireOutsideData } from './data/data-option.ts';
import { scanData } from './data/folder.ts';
import { generatedSource } from './data/generated.ts';
import { groupOption } from './data/groups.ts';
import { engineFlags } from './engine/engine-choice.ts';
import { foldDirectory, foldFiles, foldsText, summariseFolds } from './run/folds.ts';
import { pretrainedSource } from './run/initial-model.ts';
import { freeRunDirectory, holdsRun, newestRun, resumedConfig } from './run/run-directory.ts';
import { loggerOf, loggers } from './run/tensorboard.ts';
import { type RunRequest, type RunReturn, trainRun } from './run/train-run.ts';

const everyNetwork = 'all';
const { variant: _, ...settingsSchema } = trainingConfigSchema.shape;

const trainOptions = z.strictObject({
  ...settingsSchema,
  data: dataOption,
  network: z
    .enum([...networkNames, everyNetwork, ...textureNetVariantNames])
    .optional()
    .describe(
      'network to train, or all of them one after another (default texture-net; for the recipes plain and paper, reference)',
    ),
  recipe: recipeOption,
  out: z
    .string()
    .min(1)
    .optional()
    .describe('run directory (default runs/NETWORK, with a number if it exists)'),
  ...engineFlags,
  threads: z.int().min(1).optional().describe('CPU threads (default: all available cores)'),
  cacheMb: z
    .int()
    .min(0)
    .optional()
    .describe('memory for decoded images (default: a quarter of the free memory)'),
  init: z
    .string()
    .min(1)
    .optional()
    .describe(
      `start from the parameters in a run directory or exported ONNX file of the same network (${callerPathHelp}); ` +
        'pretrained: from texture-net pre-trained on generated textures',
    )
    .meta({ examples: ['pretrained'] }),
  resume: z
    .boolean()
    .default(false)
    .describe(
      'resume the run in --out, or the newest unfinished run; with --data, start a run if there is none',
    ),
  describe: z
    .boolean()
    .default(false)
    .describe('print the layers, parameters and memory of the network, and exit'),
  log: z
    .enum(loggers)
    .optional()
    .describe('also write an event file to the run directory: tensorboard --logdir runs'),
  verbose: z
    .boolean()
    .default(false)
    .describe('print how fast the data loader is and how long the engine waits for it'),
});
type TrainOptions = z.infer<typeof trainOptions>;

const terminal = terminalOn(process.stdout);

async function trainNetworks(
  options: TrainOptions,
  { given }: { readonly given: ReadonlySet<string> },
): Promise<void> {
  requireFold(options);
  const networks = networksOf(options);
  if (options.describe) {
    const classes =
      options.data === generatedSource ? textureNames.length : (await scanData(options.data)).labels.length;
    for (const variant of networks) {
      // Images are not read, so their mean grey level is unknown.
      const network = configuredNetwork(configOf(options, variant, given), {
        classes,
        meanGrey: Number.NaN,
      });
      terminal.line(describeTable(network, options.batch, terminal.width));
    }
    return;
  }
  const failures: TexturaError[] = [];
  const noted = new Set<string>();
  // Runs in one process do not leak: with one malloc arena (MALLOC_ARENA_MAX=1) memory stays level with both
  // engines. By default glibc keeps 10 to 30 MiB of freed memory for each network.
  let next: NetworkName | undefined;
  const release = exitOnStopSignal('train', () =>
    next === undefined ? undefined : `stopped before ${next}; add --resume to train it and those after it`,
  );
  try {
    for (const [i, variant] of networks.entries()) {
      if (i > 0) next = variant;
      try {
        const { isStopRequested } = await trainNetwork(options, variant, given, noted);
        const left = networks.length - 1 - i;
        if (isStopRequested && left > 0) throw stoppedBetween(`after ${variant}`, counted(left, 'network'));
      } catch (error) {
        if (networks.length === 1 || !(error instanceof TexturaError) || !isOfOneVariant(error)) throw error;
        terminal.line(error.message);
        failures.push(error);
      }
    }
  } finally {
    release();
  }
  const [first] = failures;
  if (first !== undefined)
    throw new TexturaError(first.code, failures.map(({ message }) => message).join('\n'));
}

function networksOf({ network, recipe }: TrainOptions): readonly NetworkName[] {
  if (network === everyNetwork) return networkNames;
  // The other recipes are those of the paper's networks.
  return [network ?? (recipe === 'default' ? 'texture-net' : 'reference')];
}

function recipeChoice({ recipe, init }: TrainOptions, variant: NetworkName) {
  return { recipe, variant, isFineTuned: init !== undefined };
}

/** The settings of a network: those of the recipe, except for options that were given. */
function configOf(options: TrainOptions, variant: NetworkName, given: ReadonlySet<string>): TrainingConfig {
  const settings = Object.fromEntries(
    Object.keys(settingsSchema).map((key) => [key, options[key as keyof TrainOptions]]),
  );
  const chosen = withRecipe(settings, recipeChoice(options, variant), given);
  return trainingConfigSchema.parse({ ...chosen, variant });
}

/** Trains one network, once or on every fold. `noted` has the notes that were printed for other networks. */
async function trainNetwork(
  options: TrainOptions,
  variant: NetworkName,
  given: ReadonlySet<string>,
  noted: Set<string>,
): Promise<RunReturn> {
  const { folds, fold } = options;
  const config = configOf(options, variant, given);
  // run.json calls the network its variant.
  const named = given.has('network') ? ['variant'] : [];
  const requested = new Set([...given, ...named, ...recipeKeys(recipeChoice(options, variant), given)]);
  const directory = await directoryFor(options, variant, given, noted);
  const request = {
    config,
    given: requested,
    directory,
    init: options.init,
    resume: options.resume,
    engine: options.engine,
    device: options.device,
    threads: options.threads ?? usableCores(),
    cacheMb: options.cacheMb,
    verbose: options.verbose,
    log: options.log,
    terminal,
    resumeCommand: commandText('train', '--out', directory, '--resume'),
    hasOwnProcess: options.network !== everyNetwork,
  };
  return folds === undefined || fold !== undefined ? trainRun(request) : trainFolds(request, folds);
}

/** Trains a run on each fold, in folders of the request's directory, and summarises them. */
async function trainFolds(request: RunRequest, folds: number): Promise<RunReturn> {
  const { directory } = request;
  const resumeCommand = commandText('train', '--folds', String(folds), '--out', directory, '--resume');
  // With --resume, folds that have not begun get the settings of those that have.
  const begun = request.resume ? begunFolds(directory, folds) : [];
  const firstFold = begun[0] === undefined ? undefined : await readRun(begun[0]);
  const config =
    firstFold === undefined ? request.config : resumedConfig(firstFold, request.config, request.given);
  const log = request.log ?? begun.map(loggerOf).find((logger) => logger !== undefined);
  await requireOutsideData(directory, config.data, Object.values(foldFiles));
  const common = { ...request, firstFold, log, resumeCommand, hasOwnProcess: false };
  let isStopRequested = false;
  // For the time between trainings: while a fold reads its data, and while the folds are summarised.
  const release = exitOnStopSignal('train', () =>
    holdsRun(foldDirectory(directory, 1)) ? `stopped. Resume with: ${resumeCommand}` : undefined,
  );
  try {
    for (let fold = 1; fold <= folds; fold++) {
      terminal.line(`\nFold ${fold} of ${folds}`);
      const own = {
        directory: foldDirectory(directory, fold),
        config: { ...config, fold },
        hidesLayers: fold > 1,
      };
      ({ isStopRequested } = await trainRun({ ...common, ...own }));
      if (isStopRequested && fold < folds)
        throw stoppedBetween(`after fold ${fold}`, counted(folds - fold, 'fold'), resumeCommand);
    }
    terminal.line(`\n${foldsText(await summariseFolds(directory, folds))}`);
  } finally {
    release();
  }
  if (config.data !== generatedSource) {
    terminal.line(
      `To look for wrong labels: ${commandText('inspect', '--data', config.data, '--run', directory)}`,
    );
  }
  terminal.line('Next:   for a network to export, train with the same options but without --folds');
  return { isStopRequested };
}

/** The directories of the folds that have begun. */
function begunFolds(directory: string, folds: number): readonly string[] {
  return Array.from({ length: folds }, (_, i) => foldDirectory(directory, i + 1)).filter(holdsRun);
}

/** A stop signal came while a run wrote its results, and others would follow. */
function stoppedBetween(place: string, left: string, command?: string): TexturaError {
  const resume = command === undefined ? 'Add --resume to train them' : `Resume with: ${command}`;
  return new TexturaError('interrupted', `stopped ${place}; ${left} left. ${resume}`);
}

/** The run directory or file for use in this process, or `pretrained`. */
function initPath(given: string): string {
  return given === pretrainedSource ? given : callerPath(given);
}

/**
 * Errors: `usage` for a fold that is none of the folds, and for options by which the photographs of a fold
 * would choose its epoch.
 */
function requireFold({ folds, fold, chooseOn, patience }: TrainOptions): void {
  const choosing = chooseOn !== 'all' ? '--choose-on' : patience !== undefined ? '--patience' : undefined;
  if (folds !== undefined && choosing !== undefined)
    throw new TexturaError(
      'usage',
      `${choosing}: with --folds the last epoch is used, so leave out ${choosing}`,
    );
  if (fold === undefined) return;
  if (folds === undefined) throw new TexturaError('usage', '--fold: add --folds N, the number of folds');
  if (fold > folds) throw new TexturaError('usage', `--fold: expected 1 to ${folds}, got ${fold}`);
}

/** A variant that diverges or is too large for this machine does not stop the others. */
function isOfOneVariant({ code }: TexturaError): boolean {
  return code === 'diverged' || code === 'memory-insufficient';
}

/** Errors: `usage` for the directory of a cross-validation, which is resumed with --folds. */
async function requireNoFolds(directory: string): Promise<void> {
  const first = foldDirectory(directory, 1);
  if (holdsRun(directory) || !holdsRun(first)) return;
  const folds = String((await readRun(first)).config.folds);
  const command = commandText('train', '--folds', folds, '--out', directory, '--resume');
  throw new TexturaError('usage', `${directory}: it holds a cross-validation. Resume with: ${command}`);
}

/**
 * Errors: `usage` if there is nothing to resume and no --data to start with, or if --resume lacks the --folds of
 * a cross-validation.
 */
async function directoryFor(
  { out, resume, network: requested, folds, fold }: TrainOptions,
  variant: NetworkName,
  given: ReadonlySet<string>,
  noted: Set<string>,
): Promise<string> {
  const ofAll = requested === everyNetwork;
  if (out !== undefined) {
    const directory = ofAll ? `${out}-${variant}` : out;
    if (resume && folds === undefined) await requireNoFolds(directory);
    const isThere = holdsRun(directory) || holdsRun(foldDirectory(directory, 1));
    if (resume && !isThere) requireData(given, `there is no run in ${directory}`);
    return directory;
  }
  if (folds !== undefined && fold === undefined) {
    if (resume) throw new TexturaError('usage', '--resume with --folds: name the folder with --out');
    return freeRunDirectory(`${variant}-${folds}-folds`);
  }
  if (!resume) return freeRunDirectory(variant);
  const newest = await newestRun(variant, (sentence) => {
    if (!noted.has(sentence)) terminalOn(process.stderr).line(`train: ${oneLine(sentence)}`);
    noted.add(sentence);
  });
  if (newest !== undefined && (ofAll || isUnfinished(newest))) return newest.directory;
  if (newest !== undefined) {
    throw new TexturaError(
      'usage',
      `--resume: runs/ has no unfinished run of ${variant}; name a run with --out`,
    );
  }
  requireData(given, `there is no run of ${variant} in runs/`);
  return freeRunDirectory(variant);
}

/**
 * With --resume, a mistyped --out must not start a run on the default data. Restart scripts give --data each
 * time.
 */
function requireData(given: ReadonlySet<string>, what: string): void {
  if (given.has('data')) return;
  throw new TexturaError('usage', `--resume: ${what}; add --data to start one`);
}

export const command: CommandDefinition<typeof trainOptions> = {
  name: 'train',
  summary: 'Trains a texture classifier on a folder of photographs with one sub-folder for each class.',
  options: trainOptions,
  configurable: ['data', 'network', 'recipe', 'engine', 'device', 'threads', 'cacheMb', 'log'],
  aliases: { variant: 'network' },
  groups: {
    Data: ['data', 'validationShare', 'folds', 'fold', 'group', 'patchPx', 'maxImagePixels', 'augment'],
    'Network and recipe': [
      'network',
      'recipe',
      'width',
      'normalisation',
      'batchNorm',
      'initialDeviation',
      'init',
    ],
    Optimisation: [
      'epochs',
      'batch',
      'patchesPerEpoch',
      'learningRate',
      'warmupEpochs',
      'schedule',
      'momentum',
      'weightDecay',
      'patience',
      'chooseOn',
      'seed',
    ],
    Run: ['out', 'resume', 'describe', 'log', 'verbose'],
    Computing: ['engine', 'device', 'threads', 'cacheMb'],
  },
  run: (options, invocation) => {
    const { data, init, group } = options;
    const paths = { data: dataPath(data), init: init && initPath(init), group: groupOption(group) };
    return trainNetworks({ ...options, ...paths }, invocation);
  },
};

await runIfMain(command, import.meta.url);
