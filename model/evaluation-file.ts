/** evaluation.json: how well a model classifies a labelled folder, as `npm run evaluate` writes it. */
import { z } from 'zod';
import { sha256Schema } from './sha256.ts';

/** Names of the files of an evaluation, relative to its folder. */
export const evaluationFiles = {
  evaluation: 'evaluation.json',
  report: 'report.html',
  predictions: 'predictions.csv',
} as const;

const share = z.number().min(0).max(1);

/** A value with its 95 % interval over photographs; null if the photographs do not show one. */
const estimateSchema = z.strictObject({
  value: z.number(),
  interval: z.strictObject({ low: z.number(), high: z.number() }).nullable(),
});
export type EvaluationEstimate = z.infer<typeof estimateSchema>;

const calibrationSchema = z.strictObject({
  /** Logits are divided by it before the softmax. */
  temperature: z.number().positive(),
  /** Expected calibration error with bins of equal counts. */
  ece: share,
  /** Mean negative log-likelihood of the label, in nats. */
  nll: estimateSchema,
  /** Mean squared error of the probabilities, summed over classes, 0..2. */
  brier: estimateSchema,
  /** By increasing confidence. */
  bins: z.array(z.strictObject({ count: z.int().min(1), confidence: share, accuracy: share })),
});
export type Calibration = z.infer<typeof calibrationSchema>;

/** Without the file's temperature, and with it if the file has one. */
const calibrationsSchema = z.strictObject({
  uncalibrated: calibrationSchema,
  calibrated: calibrationSchema.optional(),
});
export type Calibrations = z.infer<typeof calibrationsSchema>;

/** Predictions of one unit: patches or photographs. */
const countsSchema = z.strictObject({
  count: z.int().min(0),
  right: z.int().min(0),
  /** How many of all evaluated were predicted as this class. */
  predicted: z.int().min(0),
  /** Share of the predictions of this class that are right; null if there are none. */
  precision: share.nullable(),
  /** Share of the class that is predicted right; null if there is none. */
  recall: share.nullable(),
});

const classSchema = z.strictObject({
  label: z.string(),
  photographs: countsSchema,
  patches: countsSchema,
});
export type ClassResult = z.infer<typeof classSchema>;

/**
 * Whether the classes that have photographs have as many each, so that balanced errors are the same as the
 * others.
 */
export function areOfEqualSize(classes: readonly ClassResult[]): boolean {
  const present = classes.filter(({ photographs }) => photographs.count > 0);
  return (['photographs', 'patches'] as const).every(
    (unit) => new Set(present.map(({ [unit]: { count } }) => count)).size === 1,
  );
}

const photographSchema = z.strictObject({
  /** Its path in the data folder. */
  file: z.string(),
  label: z.string(),
  prediction: z.string(),
  /** Of the prediction, with the file's temperature. */
  probability: share,
  /** Of the label. */
  labelProbability: share,
  patches: z.int().min(1),
  wrongPatches: z.int().min(0),
});
export type PhotographResult = z.infer<typeof photographSchema>;

const modelSchema = z.strictObject({
  name: z.string(),
  file: z.string(),
  sha256: sha256Schema,
  /** Name of the run that it was exported from, if the file says so. */
  run: z.string().optional(),
});

const errorsSchema = z.strictObject({
  /** Share of misclassified patches. */
  patches: estimateSchema,
  /** Share of misclassified photographs, each classified by the mean logits of its patches. */
  photographs: estimateSchema,
  /** Means over the classes that have photographs. */
  balancedPatches: estimateSchema,
  balancedPhotographs: estimateSchema,
});

const pairedSchema = z.strictObject({
  own: z.number(),
  other: z.number(),
  /** `own - other`; below 0 the evaluated model is better. */
  difference: estimateSchema,
  /** Of no difference; null if the photographs show no variation. */
  pValue: share.nullable(),
});
export type PairedErrors = z.infer<typeof pairedSchema>;

const comparisonSchema = z.strictObject({
  model: modelSchema,
  /** Photographs whose class both models know. */
  photographs: z.int().min(1),
  patchError: pairedSchema,
  photographError: pairedSchema,
  /** Photographs that only one of the models classifies right. */
  onlyOwnRight: z.int().min(0),
  onlyOtherRight: z.int().min(0),
});
export type EvaluationComparison = z.infer<typeof comparisonSchema>;

/** Of photographs, or of single patches. */
const recognitionSchema = z.strictObject({
  /** Area under the ROC curve: how often one of a known class scores higher than one of an unknown class. */
  auroc: estimateSchema,
  /** What the file's threshold accepts as known, of those of known and of unknown classes. */
  acceptedKnown: share,
  acceptedUnknown: share,
});
export type Recognition = z.infer<typeof recognitionSchema>;

export const evaluationSchema = z.strictObject({
  textura: z.string(),
  startedAt: z.iso.datetime(),
  model: modelSchema,
  data: z.strictObject({
    folder: z.string(),
    /** The splits of the folder that were evaluated. */
    split: z.string().optional(),
    /** The run whose held-out photographs were evaluated. */
    heldOut: z.string().optional(),
    /** A folder of other surfaces. */
    unknown: z.string().optional(),
    skipped: z.array(z.strictObject({ name: z.string(), why: z.string() })),
    notes: z.array(z.string()),
  }),
  /** Of classes that the model knows. */
  photographs: z.int().min(0),
  patches: z.int().min(0),
  /** Of these photographs, recognised as none of the model's classes; absent if the model cannot tell. */
  rejected: z.int().min(0).optional(),
  /** Absent if the model knows none of the folder's classes. */
  results: z
    .strictObject({
      errors: errorsSchema,
      classes: z.array(classSchema),
      /** `[label][prediction]` in the order of `classes`. */
      confusion: z.strictObject({
        photographs: z.array(z.array(z.int().min(0))),
        patches: z.array(z.array(z.int().min(0))),
      }),
      calibration: z.strictObject({ photographs: calibrationsSchema, patches: calibrationsSchema }),
      /** First wrong ones, by the probability of their label; then the least certain right ones. */
      worst: z.array(photographSchema),
    })
    .optional(),
  /** Classes that the model does not know. */
  unknown: z.array(
    z.strictObject({
      label: z.string(),
      photographs: z.int().min(1),
      /** Mean probability of the predictions. */
      meanProbability: share,
      /** Recognised as none of the model's classes; absent if the model cannot tell. */
      rejected: z.int().min(0).optional(),
      /** By decreasing number. */
      predictions: z.array(z.strictObject({ label: z.string(), photographs: z.int().min(1) })),
    }),
  ),
  /** Absent without photographs of both known and unknown classes, or if the model cannot tell them. */
  recognition: z.strictObject({ photographs: recognitionSchema, patches: recognitionSchema }).optional(),
  speed: z.strictObject({
    /** Of the patches of one photograph. */
    medianInferenceMs: z.number().min(0),
    patchesPerSecond: z.number().min(0),
    /** Of the whole evaluation, with reading and decoding. */
    photographsPerSecond: z.number().min(0),
    cores: z.number().positive(),
  }),
  comparison: comparisonSchema.optional(),
});
export type Evaluation = z.infer<typeof evaluationSchema>;
export type EvaluationResults = NonNullable<Evaluation['results']>;
