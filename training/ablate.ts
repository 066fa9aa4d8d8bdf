/** `npm run ablate`: from a data folder to a study that says which layers matter. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { controlMeasures, type Study } from '../model/study-file.ts';
import { recipeNames, recipes, trainingConfigSchema, withRecipe } from '../model/training-config.ts';
import { runCommand } from '../node/command-line.ts';
import { productVersion } from '../node/product-version.ts';
import { readStudy } from '../node/study-record.ts';
import { terminalOn } from '../node/terminal.ts';
import { deviceWishes, engineWishes } from './engine-choice.ts';
import { holdsStudy, studiesFolder } from './study/study-directory.ts';
import { armsOf, everyVariant, extendedStudy, variantsOf } from './study/study-plan.ts';
import { runStudy } from './study/study-run.ts';

const commonConfig = trainingConfigSchema.omit({ variant: true, width: true, seed: true });

export const ablateOptions = z.strictObject({
  ...commonConfig.shape,
  variants: z
    .string()
    .min(1)
    .default(everyVariant)
    .describe('networks to compare with the reference, separated by commas'),
  seeds: z.int().min(1).max(100).default(3).describe('runs of each network'),
  seed: trainingConfigSchema.shape.seed.describe('the first of the seeds'),
  recipe: z.enum(recipeNames).default('default').describe('set of settings that others come on top of'),
  controls: z
    .enum(['none', ...controlMeasures])
    .default('none')
    .describe('also train the reference as large (params) or as costly (macs) as each ablation'),
  out: z
    .string()
    .min(1)
    .optional()
    .describe('study directory (default studies/ablation, numbered where taken)'),
  engine: z.enum(engineWishes).default('auto').describe('what computes'),
  device: z.enum(deviceWishes).default('auto').describe('where it computes'),
  threads: z.int().min(1).optional().describe('processor threads of a run (default the cores, shared out)'),
  jobs: z.int().min(1).optional().describe('runs at a time (default as many as cores and memory allow)'),
  cacheMb: z.int().min(0).optional().describe('memory of a run for decoded images'),
  queue: z
    .string()
    .min(1)
    .optional()
    .describe('Redis server, e.g. redis://HOST, whose workers (npm run ablate:worker) train the runs'),
  resume: z.boolean().default(false).describe('go on with the study in --out, with what is added'),
  dryRun: z.boolean().default(false).describe('print the plan and what it will take, and train nothing'),
});
export type AblateOptions = z.infer<typeof ablateOptions>;

const terminal = terminalOn(process.stdout);

async function ablate(
  options: AblateOptions,
  { given }: { readonly given: ReadonlySet<string> },
): Promise<void> {
  const directory = options.out ?? freeStudyDirectory();
  if (options.resume) {
    const stored = await readStudy(directory);
    const asked = studyAsked(options, given, stored);
    const wished = new Set([...given, ...Object.keys(recipes[options.recipe])]);
    const studyOf = (classes: number) => extendedStudy(stored, asked(classes), wished);
    return runStudy({ ...options, directory, studyOf, terminal });
  }
  if (holdsStudy(directory)) {
    throw new TexturaError(
      'usage',
      `${directory} already holds a study; add --resume to go on with it, or choose another --out`,
    );
  }
  return runStudy({ ...options, directory, studyOf: studyAsked(options, given), terminal });
}

/** What the options ask for; variants and seeds that a person did not write are those of the study that goes on. */
function studyAsked(
  options: AblateOptions,
  given: ReadonlySet<string>,
  stored?: Study,
): (classes: number) => Study {
  const settings = Object.fromEntries(
    Object.keys(commonConfig.shape).map((key) => [key, options[key as keyof AblateOptions]]),
  );
  const config = commonConfig.parse(withRecipe(settings, options.recipe, given));
  const variants =
    stored === undefined || given.has('variants')
      ? variantsOf(options.variants)
      : stored.arms.filter(({ controls: of }) => of === undefined).map(({ variant }) => variant);
  const seeds =
    stored === undefined || given.has('seeds')
      ? Array.from({ length: options.seeds }, (_, i) => options.seed + i)
      : stored.seeds;
  const controls = options.controls === 'none' ? undefined : options.controls;
  return (classes) => ({
    textura: productVersion(),
    recipe: options.recipe,
    config,
    arms: [...armsOf(variants, controls, classes)],
    seeds,
    failures: {},
    startedAt: new Date().toISOString(),
  });
}

function freeStudyDirectory(): string {
  for (let number = 1; ; number++) {
    const directory = join(studiesFolder, number === 1 ? 'ablation' : `ablation-${number}`);
    if (!existsSync(directory)) return directory;
  }
}

await runCommand(
  {
    name: 'ablate',
    summary:
      'Trains every variant of the network over several seeds and says with statistics which layers matter.',
    options: ablateOptions,
    run: ablate,
  },
  process.argv.slice(2),
);
