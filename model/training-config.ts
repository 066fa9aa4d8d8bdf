/**
 * Everything that decides what a training run computes, with every default in one place. The resolved configuration is
 * written beside the run; a resumed run must have the same one.
 */
import { z } from 'zod';
import { maxImagePixelsOption } from './image-options.ts';
import { type Network, type NetworkName, networkNames, networkOf } from './network.ts';
import { leastPatchPx } from './patch.ts';

export const augmentations = ['none', 'jitter64', 'strong'] as const;
export type Augmentation = (typeof augmentations)[number];

/** `patch`: zero mean and unit variance for each patch. `mean`: minus the mean of the training images, in grey levels of 0..255. */
export const normalisations = ['patch', 'mean'] as const;

/** What the learning rate does after the warm-up: falls to zero along half a cosine, or stays. */
export const schedules = ['cosine', 'constant'] as const;

export const trainingConfigSchema = z.strictObject({
  data: z
    .string()
    .min(1)
    .default('generated')
    .describe('folder of photographs, one sub-folder a class, or "generated"'),
  variant: z.enum(networkNames).default('reference').describe('network to train'),
  epochs: z.int().min(1).max(10_000).default(15).describe('passes of --patches-per-epoch patches'),
  batch: z.int().min(1).max(4096).default(165).describe('patches a training step'),
  patchesPerEpoch: z.int().min(1).default(12_375).describe('random training patches an epoch'),
  patchPx: z
    .int()
    .min(leastPatchPx)
    .max(4096)
    .default(64)
    .describe('side of a patch in source pixels, averaged to 64x64'),
  maxImagePixels: maxImagePixelsOption,
  augment: z.enum(augmentations).default('none').describe('how training patches are varied'),
  seed: z
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .default(1)
    .describe('of the split, the patches and the initial values'),
  validationShare: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.2)
    .describe('share of the images of each class to validate on'),
  folds: z
    .int()
    .min(2)
    .max(100)
    .optional()
    .describe(
      'cross-validation: one run for each of this many shares of the photographs, which validates on it',
    ),
  fold: z.int().min(1).optional().describe('only this one of --folds'),
  learningRate: z
    .number()
    .positive()
    .max(10)
    .default(0.01)
    .describe('highest learning rate, after the warm-up'),
  warmupEpochs: z.number().min(0).default(1).describe('epochs over which the learning rate rises'),
  schedule: z.enum(schedules).default('cosine').describe('the learning rate after the warm-up'),
  momentum: z.number().min(0).lt(1).default(0.9).describe('of stochastic gradient descent'),
  weightDecay: z.number().min(0).max(1).default(5e-4).describe('weight decay of kernels; biases have none'),
  normalisation: z.enum(normalisations).default('patch').describe('what the first layer does to a patch'),
  batchNorm: z
    .boolean()
    .default(false)
    .describe('batch normalisation behind every convolution but the last (texture-net always has it)'),
  initialDeviation: z
    .number()
    .positive()
    .max(1)
    .optional()
    .describe('standard deviation of the initial kernels (default by fan-in)'),
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

export const recipeNames = ['default', 'plain', 'paper'] as const;
export type RecipeName = (typeof recipeNames)[number];

/**
 * Named sets of settings, on top of the schema's defaults; what a person sets counts more. `default` is the most accurate one for the
 * network that two cores compute in about ten minutes, `plain` is what earlier versions trained by.
 */
export function recipeSettings(recipe: RecipeName, variant: NetworkName): Partial<TrainingConfig> {
  switch (recipe) {
    case 'default': {
      const own = { batchNorm: true, augment: 'strong' } as const;
      if (variant === 'texture-net') return { ...own, epochs: 60, learningRate: 0.1 };
      // The classifier of lab-baseline reads 8,450 values, at which larger steps overshoot.
      return { ...own, epochs: 20, learningRate: variant === 'lab-baseline' ? 0.005 : 0.05 };
    }
    case 'plain':
      return {};
    // As the paper's tools trained (MatConvNet's practicals).
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

interface RecipeChoice {
  readonly recipe: RecipeName;
  readonly variant: NetworkName;
}

/** Settings that a person asked for by naming a recipe; none where the recipe is the default that nobody named. */
export function recipeKeys({ recipe, variant }: RecipeChoice, given: ReadonlySet<string>): readonly string[] {
  return given.has('recipe') ? Object.keys(recipeSettings(recipe, variant)) : [];
}

/** `settings` as a recipe has them for a network, but for those that are in `given`, which the person wrote. */
export function withRecipe<S extends object>(
  settings: S,
  { recipe, variant }: RecipeChoice,
  given: ReadonlySet<string>,
): S {
  const own = Object.entries(recipeSettings(recipe, variant)).filter(([key]) => !given.has(key));
  return { ...settings, ...Object.fromEntries(own) };
}

/** The network that a configuration trains. `meanGrey` is that of the training images, 0..255. */
export function configuredNetwork(
  { variant, width, normalisation, batchNorm, initialDeviation }: TrainingConfig,
  { classes, meanGrey }: { readonly classes: number; readonly meanGrey: number },
): Network {
  return networkOf(variant, classes, {
    width,
    batchNorm,
    ...(normalisation === 'mean' ? { meanGrey } : {}),
    ...(initialDeviation === undefined ? {} : { initialDeviation }),
  });
}
