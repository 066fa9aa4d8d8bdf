/**
 * The configuration of a training run, with every default in one place. The resolved configuration is stored
 * in run.json; a resumed run must have the same one.
 */
import { z } from 'zod';
import { maxImagePixelsOption } from './image-options.ts';
import { type Network, type NetworkName, networkOf, trainedNames } from './network.ts';
import { leastPatchPx } from './patch.ts';

export const augmentations = ['none', 'jitter64', 'strong'] as const;
export type Augmentation = (typeof augmentations)[number];

/**
 * `patch`: zero mean and unit variance for each patch. `mean`: subtract the mean grey level (0..255) of the
 * training images.
 */
const normalisations = ['patch', 'mean'] as const;

/** Learning rate after the warm-up: decays to zero along half a cosine, or stays constant. */
const schedules = ['cosine', 'constant'] as const;

/** On which validation photographs the best epoch is chosen. */
const epochChoices = ['all', 'half'] as const;

/** The help names the recipe instead of the schema's default. */
const byRecipe = { defaultText: 'by recipe' };

export const trainingConfigSchema = z.strictObject({
  data: z
    .string()
    .min(1)
    .default('generated')
    .describe(
      'folder of photographs with one sub-folder per class, a CSV file (.csv) with the columns file,label[,split][,group], or "generated"',
    )
    .meta({ examples: ['generated'] }),
  variant: z.enum(trainedNames).default('reference').describe('network to train'),
  epochs: z
    .int()
    .min(1)
    .max(10_000)
    .default(15)
    .describe('number of epochs of --patches-per-epoch patches')
    .meta(byRecipe),
  batch: z.int().min(1).max(4096).default(165).describe('patches per training step'),
  patchesPerEpoch: z.int().min(1).default(12_375).describe('random training patches per epoch'),
  patchPx: z
    .int()
    .min(leastPatchPx)
    .max(4096)
    .default(64)
    .describe('side of a patch in source pixels, averaged to 64x64'),
  maxImagePixels: maxImagePixelsOption,
  augment: z
    .enum(augmentations)
    .default('none')
    .describe('augmentation of training patches; with a mounted camera, try none')
    .meta(byRecipe),
  seed: z
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .default(1)
    .describe('seed of the split, the patches and the initial values'),
  validationShare: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.2)
    .describe('share of the images of each class used for validation'),
  chooseOn: z
    .enum(epochChoices)
    .default('all')
    .describe(
      'validation photographs on which the best epoch is chosen: all, or half of them (errors are those of the other half)',
    ),
  folds: z
    .int()
    .min(2)
    .max(100)
    .optional()
    .describe('cross-validation: split the photographs into this many folds and validate one run on each'),
  fold: z.int().min(1).optional().describe('run only this fold of --folds'),
  group: z
    .string()
    .min(1)
    .optional()
    .describe(
      'keeps groups of photographs on one side of the split: a regular expression on the path in the data folder, whose first capture group (or whole match) names the group, or a CSV file (.csv) with the columns file,group',
    ),
  learningRate: z
    .number()
    .positive()
    .max(10)
    .default(0.01)
    .describe('highest learning rate, after the warm-up')
    .meta(byRecipe),
  warmupEpochs: z.number().min(0).default(1).describe('epochs over which the learning rate rises'),
  schedule: z.enum(schedules).default('cosine').describe('the learning rate after the warm-up'),
  momentum: z.number().min(0).lt(1).default(0.9).describe('momentum of stochastic gradient descent'),
  weightDecay: z.number().min(0).max(1).default(5e-4).describe('weight decay of kernels; biases have none'),
  normalisation: z
    .enum(normalisations)
    .default('patch')
    .describe('normalisation of a patch in the first layer'),
  batchNorm: z
    .boolean()
    .default(false)
    .describe('batch normalisation after every convolution but the last (texture-net always has it)'),
  initialDeviation: z
    .number()
    .positive()
    .max(1)
    .optional()
    .describe('standard deviation of the initial kernels (default: from the fan-in)'),
  width: z
    .number()
    .min(0.02)
    .max(8)
    .default(1)
    .describe('factor on the filters of every convolution but the last'),
  patience: z
    .int()
    .min(1)
    .optional()
    .describe('stop after this many epochs without a better validation error'),
});

export type TrainingConfig = z.infer<typeof trainingConfigSchema>;

/**
 * The epoch whose parameters are the model: a fold measures the last one, which its photographs do not
 * choose.
 */
export function chosenEpoch({ fold }: Pick<TrainingConfig, 'fold'>): 'last epoch' | 'best epoch' {
  return fold === undefined ? 'best epoch' : 'last epoch';
}

export const recipeNames = ['default', 'plain', 'paper'] as const;
type RecipeName = (typeof recipeNames)[number];

/**
 * Named sets of settings that override the schema's defaults; options on the command line override both.
 * `default` is the most accurate recipe for a network that two cores train in about a quarter of an hour;
 * `plain` is the recipe of earlier versions.
 */
export function recipeSettings(recipe: RecipeName, variant: NetworkName): Partial<TrainingConfig> {
  switch (recipe) {
    case 'default': {
      const own = { batchNorm: true, augment: 'strong' } as const;
      if (variant.startsWith('texture-net')) return { ...own, epochs: 60, learningRate: 0.1 };
      // The classifier of lab-baseline has 8,450 inputs, so larger learning rates overshoot.
      return { ...own, epochs: 20, learningRate: variant === 'lab-baseline' ? 0.005 : 0.05 };
    }
    case 'plain':
      return {};
    // Settings of the paper's tools (the MatConvNet practicals).
    case 'paper':
      return {
        augment: 'jitter64',
        learningRate: 0.001,
        schedule: 'constant',
        warmupEpochs: 0,
        momentum: 0.9,
        weightDecay: 5e-4,
        normalisation: 'mean',
        initialDeviation: 0.01,
      };
    default:
      return recipe satisfies never;
  }
}

/** Learning rate of fine-tuning, relative to that of random initial values (docs/fine-tuning.md). */
const fineTuningRate = 0.3;

/** The settings of a recipe for a network, also for one that starts from trained parameters. */
function chosenSettings({ recipe, variant, isFineTuned = false }: RecipeChoice): Partial<TrainingConfig> {
  const settings = recipeSettings(recipe, variant);
  // The other recipes have rates that are as low.
  if (!isFineTuned || recipe !== 'default' || settings.learningRate === undefined) return settings;
  return { ...settings, learningRate: Number((settings.learningRate * fineTuningRate).toPrecision(6)) };
}

/** The `--recipe` option of the commands that train. */
export const recipeOption = z
  .enum(recipeNames)
  .default('default')
  .describe(
    'set of settings, which other options override. default: strong augmentation, batch normalisation, 60 epochs at rate 0.1 ' +
      'for texture-net, 20 at 0.05 for the others (0.005 for lab-baseline), with --init 0.3 of these rates. plain: no augmentation, ' +
      "15 epochs at 0.01. paper: as the paper's tools, constant rate 0.001",
  );

/** What the settings of a recipe depend on. */
export interface RecipeNetwork {
  readonly variant: NetworkName;
  /** Whether the run starts from trained parameters. */
  readonly isFineTuned?: boolean;
}

interface RecipeChoice extends RecipeNetwork {
  readonly recipe: RecipeName;
}

/** Settings that an explicit recipe requests; empty if the recipe was not given. */
export function recipeKeys(choice: RecipeChoice, given: ReadonlySet<string>): readonly string[] {
  return given.has('recipe') ? Object.keys(chosenSettings(choice)) : [];
}

/** `settings` with those of a recipe for a network, except keys in `given`, which the user set explicitly. */
export function withRecipe<S extends object>(
  settings: S,
  choice: RecipeChoice,
  given: ReadonlySet<string>,
): S {
  const own = Object.entries(chosenSettings(choice)).filter(([key]) => !given.has(key));
  return { ...settings, ...Object.fromEntries(own) };
}

type NetworkSettings = Pick<
  TrainingConfig,
  'variant' | 'width' | 'normalisation' | 'batchNorm' | 'initialDeviation'
>;

/** The network of a configuration. `meanGrey` is the mean of the training images, 0..255. */
export function configuredNetwork(
  { variant, width, normalisation, batchNorm, initialDeviation }: NetworkSettings,
  { classes, meanGrey }: { readonly classes: number; readonly meanGrey: number },
): Network {
  return networkOf(variant, classes, {
    width,
    batchNorm,
    ...(normalisation === 'mean' ? { meanGrey } : {}),
    ...(initialDeviation === undefined ? {} : { initialDeviation }),
  });
}
