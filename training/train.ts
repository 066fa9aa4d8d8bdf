/** `npm run train`: from a data folder to a run directory. */
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { networkOf, type VariantName, variantNames } from '../model/network.ts';
import { textureNames } from '../model/textures/textures.ts';
import { recipeNames, recipes, trainingConfigSchema, withRecipe } from '../model/training-config.ts';
import { runCommand } from '../node/command-line.ts';
import { usableCores } from '../node/machine.ts';
import { terminalOn } from '../node/terminal.ts';
import { describeTable } from './description-table.ts';
import { deviceWishes, engineWishes } from './engine-choice.ts';
import { freeRunDirectory, holdsRun, newestRun, newestUnfinishedRun, requireFree } from './run-directory.ts';
import { trainRun } from './train-run.ts';

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
  resume: z.boolean().default(false).describe('go on with the run in --out, or the newest unfinished one'),
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
  for (const variant of variants) {
    try {
      const directory = await directoryFor(options, variant);
      await trainRun({
        ...options,
        // Where all variants go on, those that had not begun begin.
        resume: options.resume && (variants.length === 1 || holdsRun(directory)),
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

async function directoryFor(
  { out, resume, variant: asked }: TrainOptions,
  variant: VariantName,
): Promise<string> {
  if (out === undefined) {
    if (!resume) return freeRunDirectory(variant);
    if (asked !== everyVariant) return newestUnfinishedRun(variant);
    return (await newestRun(variant))?.directory ?? freeRunDirectory(variant);
  }
  const directory = asked === everyVariant ? `${out}-${variant}` : out;
  if (!resume) requireFree(directory);
  return directory;
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
