/**
 * `npm run ablate`: trains networks that lack a layer on a data folder and compares them with the reference.
 */

import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { controlMeasures, type StudyData } from '../model/study-file.ts';
import { recipeKeys, recipeOption, trainingConfigSchema, withRecipe } from '../model/training-config.ts';
import { type CommandDefinition, runIfMain } from '../node/command-line.ts';
import { takeFolderLock } from '../node/folder-lock.ts';
import { readStudy } from '../node/records.ts';
import { commandText } from '../node/shell.ts';
import { terminalOn } from '../node/terminal.ts';
import { dataOption, dataPath } from '../training/data/data-option.ts';
import { groupOption } from '../training/data/groups.ts';
import { loggers } from '../training/run/tensorboard.ts';
import { studiedNetworks } from './families.ts';
import { everyVariant, extendedStudy, newStudy, resumedPlan, type StudyPlan, variantsOf } from './plan.ts';
import { runStudy } from './study.ts';
import { freeStudyDirectory, holdsStudy, newestStudy, studiesFolder } from './study-directory.ts';
import { computingFlags } from './trainer.ts';

const commonConfig = trainingConfigSchema.omit({
  variant: true,
  width: true,
  seed: true,
  folds: true,
  fold: true,
});

const ablateOptions = z.strictObject({
  ...commonConfig.shape,
  data: dataOption,
  chooseOn: trainingConfigSchema.shape.chooseOn
    .unwrap()
    .default('half')
    .describe(
      'validation photographs on which the best epoch is chosen: half of them (errors are those of the other half), or all',
    ),
  network: z
    .enum(studiedNetworks)
    .default('reference')
    .describe('network whose parts are removed: the reference of the paper, or texture-net'),
  variants: z
    .string()
    .min(1)
    .default(everyVariant)
    .describe('networks to compare with it, separated by commas'),
  seeds: z.int().min(1).max(100).default(3).describe('number of seeds; each network is trained with each'),
  seed: trainingConfigSchema.shape.seed.describe('first seed'),
  recipe: recipeOption,
  controls: z
    .enum(['none', ...controlMeasures, 'both'])
    .default('none')
    .describe(
      'also train a reference of the size of each ablation, in parameters (params), multiply-adds (macs), or one of each (both)',
    ),
  tuneRates: z
    .int()
    .min(2)
    .max(9)
    .optional()
    .describe(
      'first try this many learning rates for each network, on a seed that is not reported, and use the best (default: the rate of the recipe for all)',
    ),
  margin: z
    .number()
    .positive()
    .max(100)
    .default(2)
    .describe(
      'margin of equivalence: networks whose top-1 error differs by fewer points count as equivalent',
    ),
  out: z
    .string()
    .min(1)
    .optional()
    .describe('study directory (default studies/ablation, with a number if it exists)'),
  ...computingFlags,
  jobs: z.int().min(1).optional().describe('parallel runs (default: as many as cores and memory allow)'),
  log: z
    .enum(loggers)
    .optional()
    .describe('also write an event file to each run directory: tensorboard --logdir studies'),
  queue: z
    .string()
    .min(1)
    .optional()
    .describe(
      `Redis server, e.g. redis://HOST, whose workers (${commandText('ablate:worker')}) train the runs`,
    ),
  resume: z
    .boolean()
    .default(false)
    .describe(
      'resume the study in --out, or the newest, and add networks and seeds; with --data, start it if there is none',
    ),
  dryRun: z.boolean().default(false).describe('print the plan and its cost without training'),
});
type AblateOptions = z.infer<typeof ablateOptions>;

const terminal = terminalOn(process.stdout);

async function ablate(
  options: AblateOptions,
  { given }: { readonly given: ReadonlySet<string> },
): Promise<void> {
  const directory = await directoryFor(options, given);
  // A dry run writes nothing, so it takes no lock.
  if (options.dryRun) return study(options, given, directory);
  const lock = await takeFolderLock(directory);
  try {
    await study(options, given, directory);
  } finally {
    lock.release();
  }
}

async function study(options: AblateOptions, given: ReadonlySet<string>, directory: string): Promise<void> {
  const requested = new Set([
    ...given,
    ...recipeKeys({ recipe: options.recipe, variant: options.network }, given),
  ]);
  if (!holdsStudy(directory)) {
    const plan = planOf(options, given);
    return runStudy({ ...options, directory, plan, studyOf: (data) => newStudy(plan, data), terminal });
  }
  if (!options.resume) {
    throw new TexturaError(
      'usage',
      `${directory} already holds a study; add --resume to resume it, or choose another --out`,
    );
  }
  const stored = await readStudy(directory);
  const plan = resumedPlan(stored, planOf(options, given), requested);
  const studyOf = (data: StudyData) => extendedStudy(directory, stored, plan, data);
  return runStudy({ ...options, directory, plan, studyOf, terminal });
}

function planOf(options: AblateOptions, given: ReadonlySet<string>): StudyPlan {
  if (options.network !== 'reference' && options.controls !== 'none')
    throw new TexturaError('usage', `--controls: only for --network reference, not for ${options.network}`);
  const settings = Object.fromEntries(
    Object.keys(commonConfig.shape).map((key) => [key, options[key as keyof AblateOptions]]),
  );
  return {
    config: commonConfig.parse(
      withRecipe(settings, { recipe: options.recipe, variant: options.network }, given),
    ),
    recipe: options.recipe,
    network: options.network,
    variants: variantsOf(options.variants, options.network),
    controls: controlMeasures.filter((measure) => [measure, 'both'].includes(options.controls)),
    tuneRates: options.tuneRates,
    marginPoints: options.margin,
    seeds: Array.from({ length: options.seeds }, (_, i) => options.seed + i),
  };
}

/** Errors: `usage` if there is no study to resume and no data to start one. */
async function directoryFor({ out, resume }: AblateOptions, given: ReadonlySet<string>): Promise<string> {
  if (!resume) return out ?? freeStudyDirectory();
  const directory = out ?? (await newestStudy());
  if (directory !== undefined && holdsStudy(directory)) return directory;
  // Restart scripts repeat the same command; a mistyped --out must not start a study of the default data.
  if (!given.has('data')) {
    const what = `no study in ${directory ?? `${studiesFolder}/`} to resume`;
    throw new TexturaError('usage', `--resume: ${what}; to start one, name its data with --data`);
  }
  return directory ?? freeStudyDirectory();
}

export const command: CommandDefinition<typeof ablateOptions> = {
  name: 'ablate',
  summary: 'Trains variants of the network with several seeds and tests which layers matter.',
  options: ablateOptions,
  configurable: ['data', 'recipe', 'engine', 'device', 'threads', 'jobs', 'cacheMb', 'log', 'queue'],
  run: (options, invocation) =>
    ablate({ ...options, data: dataPath(options.data), group: groupOption(options.group) }, invocation),
};

await runIfMain(command, import.meta.url);
