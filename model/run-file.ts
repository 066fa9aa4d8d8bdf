/** run.json: the configuration, data, engine and result of a run. */
import { z } from 'zod';
import { bestEpochSchema } from './metrics.ts';
import type { Network } from './network.ts';
import { sha256Schema } from './sha256.ts';
import { configuredNetwork, trainingConfigSchema } from './training-config.ts';

const engineNames = ['tfjs', 'onnx'] as const;
const engineNameSchema = z.enum(engineNames);
export type EngineName = (typeof engineNames)[number];

/**
 * Precision of an engine's products: `tf32` is CUDA's TensorFloat-32, with 10 of float32's 23 mantissa bits.
 */
const precisions = ['float32', 'tf32'] as const;
export type Precision = (typeof precisions)[number];

/** A killed run stays `running`. */
const runStatuses = ['running', 'finished', 'diverged', 'stopped', 'failed'] as const;

/** Folder of the run directories of `npm run train`. */
export const runsFolder = 'runs';

/** Names of the files of a run directory, relative to it. */
export const runFiles = {
  run: 'run.json',
  metrics: 'metrics.csv',
  /** The balanced error of each epoch's validation. */
  balancedErrors: 'balanced-error.csv',
  model: 'model.safetensors',
  /** Validation patches with the training engine's logits, for the export check. */
  parity: 'parity.safetensors',
  checkpoints: 'checkpoint',
  /** Distinguishes the run's surfaces from others; not for every network. */
  known: 'known.safetensors',
  /** Result for each validation photograph. */
  validation: 'validation.csv',
  report: 'report.html',
  /** The engine's logits of all validation patches, for the calibration. */
  validationLogits: 'validation-logits.safetensors',
} as const;

/** Summary of the training and validation images, so that two runs can be checked for the same data. */
const dataSummarySchema = z.strictObject({
  source: z.string(),
  /** SHA-256 over labels, splits, the content hashes of the images and their groups, in order. */
  fingerprint: sha256Schema,
  trainImages: z.int().min(1),
  validationImages: z.int().min(0),
  /** Number of groups (`config.group`), each on one side of the split. */
  groups: z.int().min(1).optional(),
  /**
   * Of the validation images, those that only choose the epoch: metrics.csv is theirs, and all results are of
   * the others. Absent if all images do both.
   */
  choosingImages: z.int().min(0).optional(),
  skippedFiles: z.int().min(0),
  /** Skipped files with the reason. Runs of earlier versions have only their number. */
  skipped: z.array(z.strictObject({ name: z.string(), why: z.string() })).optional(),
  /** Sentences about the data: unequal classes, duplicates, ignored folders. */
  notes: z.array(z.string()).optional(),
  /** Mean grey level of the training images, 0..255. */
  meanGrey: z.number().min(0).max(255),
});
export type DataSummary = z.infer<typeof dataSummarySchema>;

/** Code and message of the error that ended a run. */
export const runFailureSchema = z.strictObject({ code: z.string(), message: z.string() });
export type RunFailure = z.infer<typeof runFailureSchema>;

/** The trained network that a run started from. */
const initSchema = z.strictObject({
  /** The run directory or the file, as given. */
  source: z.string().min(1),
  /** SHA-256 of the file with its parameters. */
  sha256: sha256Schema,
  /** Classes whose rows of the last layer were kept. */
  keptClasses: z.array(z.string()),
});

const stretchSchema = z.strictObject({
  engine: engineNameSchema,
  device: z.string(),
  /** Absent in runs of earlier versions, which allowed TensorFloat-32 on CUDA. */
  precision: z.enum(precisions).optional(),
  why: z.string(),
  startedAt: z.iso.datetime(),
  fromEpoch: z.number().min(0),
  versions: z.record(z.string(), z.string()),
});

export const runSchema = z.strictObject({
  textura: z.string(),
  config: trainingConfigSchema,
  /** In the order of the network's outputs. */
  labels: z.array(z.string().min(1)).min(2),
  data: dataSummarySchema,
  /** Absent if the run started from random values. */
  init: initSchema.optional(),
  status: z.enum(runStatuses),
  /** Sessions of the run: a resumed run has several, possibly with different engines. */
  stretches: z.array(stretchSchema).min(1),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().optional(),
  /**
   * The epoch whose parameters are in model.safetensors: lowest balanced validation error, then lowest loss.
   */
  best: bestEpochSchema.optional(),
  divergedAtEpoch: z.int().min(1).optional(),
  /** Set in a failed run. */
  failure: runFailureSchema.optional(),
  /** Peak memory of the training process. */
  peakMemoryBytes: z.int().min(1).optional(),
});
export type Run = z.infer<typeof runSchema>;

/** Whether epochs are left to train. A diverged run would only diverge again. */
export function isUnfinished({ status }: Pick<Run, 'status'>): boolean {
  return status !== 'finished' && status !== 'diverged';
}

/** What trained a run, in order and with the reason: `onnx on cuda (CUDA is set up)`. */
export function enginesText({ stretches }: Pick<Run, 'stretches'>): string {
  const isOther = ({ engine, device }: (typeof stretches)[number], i: number) =>
    stretches[i - 1]?.engine !== engine || stretches[i - 1]?.device !== device;
  return stretches
    .filter(isOther)
    .map(({ engine, device, why }) => `${engine} on ${device} (${why})`)
    .join(', then ');
}

/** The network that a run trained. */
export function networkOfRun({ config, labels, data }: Pick<Run, 'config' | 'labels' | 'data'>): Network {
  return configuredNetwork(config, { classes: labels.length, meanGrey: data.meanGrey });
}
