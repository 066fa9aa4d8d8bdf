/** `npm run train`: from a data folder to a run directory. */
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { networkOf, type VariantName, variantNames } from '../model/network.ts';
import { recipeNames, recipes, trainingConfigSchema, withRecipe } from '../model/training-config.ts';
import { runCommand } from '../node/command-line.ts';
import { usableCores } from '../node/machine.ts';
import { npmRun } from '../node/shell.ts';
import { terminalOn } from '../node/terminal.ts';
import { describeTable } from '../report/description-table.ts';
import { textureNames } from '../textures/textures.ts';
import { deviceWishes, engineWishes } from './engine/engine-choice.ts';
import { freeRunDirectory, holdsRun, newestRun } from './run/run-directory.ts';
import { trainRun } from './run/train-run.ts';

const everyVariant = 'all';

export const trainOptions = z.strictObject({
  ...trainingConfigSchema.shape,
  variant: z
    .enum([...variantNames, everyVariant])
    .default('reference')
    .describe('network to train, or all of them one after another'),
  recipe: z.enum(recipeNames).default('default').describe('set of settings that others come on top of'),
  out: z.string().min(1).optional().describe('run directory (default runs/VARIANT, numbered where taken)'),
  engine: z.enum(engineWishes).default('auto').describe('what computes'),
  device: z.enum(deviceWishes).default('auto').describe('where it computes'),
  threads: z.int().min(1).optional().describe('processor threads (default the usable cores)'),
  cacheMb: z
    .int()
    .min(0)
    .optional()
    .describe('memory for decoded images (default a quarter of what is free)'),
  resume: z
    .boolean()
    .default(false)
    .describe(
      'resume the run in --out, or the newest unfinished one; with --data, start one where there is none',
    ),
  describe: z.boolean().default(false).describe('print the network and what it needs, and train nothing'),
  verbose: z.boolean().default(false).describe('print the rates of both halves of the work, data and engine'),
});
export type TrainOptions = z.infer<typeof trainOptions>;

const terminal = terminalOn(process.stdout);

async function train(
  options: TrainOptions,
  { given }: { readonly given: ReadonlySet<string> },
): Promise<void> {
  const variants = options.variant === everyVariant ? variantNames : [options.variant];
  if (options.describe) {
    for (const variant of variants)
      terminal.line(describeTable(networkOf(variant, textureNames.length), options.batch));
    return;
  }
  const settings = Object.fromEntries(
    Object.keys(trainingConfigSchema.shape).map((key) => [key, options[key as keyof TrainOptions]]),
  );
  const config = withRecipe(settings, options.recipe, given);
  const wished = new Set([...given, ...Object.keys(recipes[options.recipe])]);
  const failures: TexturaError[] = [];
  // Ten networks in one process keep nothing: no tensor is left after a run, and with one malloc arena
  // (MALLOC_ARENA_MAX=1) memory stays level with both engines. By default glibc holds on to what threads have
  // freed, about 10 to 30 MiB a network.
  for (const variant of variants) {
    try {
      const directory = await directoryFor(options, variant, given);
      await trainRun({
        ...options,
        resumeCommand: npmRun('train', '--out', directory, '--resume'),
        config: trainingConfigSchema.parse({ ...config, variant }),
        given: wished,
        directory,
        hasOwnProcess: variants.length === 1,
        threads: options.threads ?? usableCores(),
        terminal,
      });
    } catch (error) {
      if (variants.length === 1 || !(error instanceof TexturaError) || !isOfOneVariant(error)) throw error;
      terminal.line(error.message);
      failures.push(error);
    }
  }
  const [first] = failures;
  if (first !== undefined)
    throw new TexturaError(first.code, failures.map(({ message }) => message).join('\n'));
}

/** A variant that diverges, or is too large for this machine, is a result; the others still have theirs to give. */
function isOfOneVariant({ code }: TexturaError): boolean {
  return code === 'diverged' || code === 'memory-insufficient';
}

/** Errors: `usage` where there is nothing to resume and no data is named to start with. */
async function directoryFor(
  { out, resume, variant: asked }: TrainOptions,
  variant: VariantName,
  given: ReadonlySet<string>,
): Promise<string> {
  const ofAll = asked === everyVariant;
  if (out !== undefined) {
    const directory = ofAll ? `${out}-${variant}` : out;
    if (resume && !holdsRun(directory)) requireData(given, `no run in ${directory}`);
    return directory;
  }
  if (!resume) return freeRunDirectory(variant);
  const newest = await newestRun(variant);
  if (newest !== undefined && (ofAll || newest.status !== 'finished')) return newest.directory;
  if (newest !== undefined) {
    throw new TexturaError(
      'usage',
      `--resume: no unfinished run of ${variant} in runs/; name one with --out`,
    );
  }
  requireData(given, `no run of ${variant} in runs/`);
  return freeRunDirectory(variant);
}

/** Restart scripts give the same command every time; a mistyped --out must not train on the default data. */
function requireData(given: ReadonlySet<string>, what: string): void {
  if (given.has('data')) return;
  throw new TexturaError(
    'usage',
    `--resume: ${what} to resume; to start one there, name its data with --data`,
  );
}

await runCommand(
  {
    name: 'train',
    summary: 'Trains a texture classifier on a folder of photographs, one sub-folder a class.',
    options: trainOptions,
    run: train,
  },
  process.argv.slice(2),
);
