/**
 * study.json describes an ablation study. A study has one run for each arm and seed. With the same seed every
 * arm gets the same split, the same patches in the same order, and the same initial values in the layers it
 * shares with the reference.
 */
import { z } from 'zod';
import { trainedNames, variantNames } from './network.ts';
import { runFailureSchema } from './run-file.ts';
import { sha256Schema } from './sha256.ts';
import { augmentations, recipeNames, trainingConfigSchema } from './training-config.ts';

/** Names of the files of a study directory, relative to it. */
export const studyFiles = {
  study: 'study.json',
  /** Contains a run directory for each arm and seed, named by `studyRunName`. */
  runs: 'runs',
  /** The same for the runs that choose learning rates, named by `tuningRunName`. */
  tuning: 'tuning',
  summary: 'summary.csv',
  table: 'summary.md',
  report: 'report.html',
} as const;

/** The measure in which a control equals its ablation: parameters, or multiply-adds of a forward pass. */
export const controlMeasures = ['params', 'macs'] as const;
export type ControlMeasure = (typeof controlMeasures)[number];

/** A network that the study trains with every seed. */
const studyArmSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]+$/),
  variant: z.enum(trainedNames),
  /** Factor on the filters of the reference's hidden convolutions; differs from 1 only in controls. */
  width: z.number().positive(),
  /** Chosen by the study's tuning; otherwise that of the settings. */
  learningRate: z.number().positive().optional(),
  /** Augmentation of an arm that differs from the settings in it. */
  augment: z.enum(augmentations).optional(),
  /** Set in a control: the ablation whose size or cost it has, with all layers. */
  controls: z.strictObject({ variant: z.enum(variantNames), measure: z.enum(controlMeasures) }).optional(),
});
export type StudyArm = z.infer<typeof studyArmSchema>;

/** The data of all runs of a study, before each seed splits it. */
const studyDataSchema = z.strictObject({
  /** SHA-256 over labels and content hashes of the images, and over the split if the folder defines one. */
  fingerprint: sha256Schema,
  /** Number of images of each class, in label order. */
  classes: z.array(z.strictObject({ label: z.string().min(1), images: z.int().min(0) })).min(2),
});
export type StudyData = z.infer<typeof studyDataSchema>;

/** How the learning rate of each arm is chosen: the one with the lowest error on seeds that are not reported. */
const studyTuningSchema = z.strictObject({
  /** Rates that are tried, ascending. */
  rates: z.array(z.number().positive()).min(2),
  seeds: z.array(z.int().min(0)).min(1),
  /** By arm: the mean top-1 error with each rate over the seeds, null where a run diverged. */
  errors: z.record(z.string(), z.array(z.number().nullable())),
});
export type StudyTuning = z.infer<typeof studyTuningSchema>;

export const studySchema = z.strictObject({
  textura: z.string(),
  recipe: z.enum(recipeNames),
  /** Settings of all runs; arm and seed add variant, width and seed. */
  config: trainingConfigSchema.omit({ variant: true, width: true, seed: true }),
  /** The reference first, then variants in the paper's order, then controls. */
  arms: z.array(studyArmSchema).min(1),
  seeds: z.array(z.int().min(0)).min(1),
  /** Absent if all arms have the learning rate of the settings. */
  tuning: studyTuningSchema.optional(),
  /**
   * Margin of equivalence, in percentage points of top-1 error. Studies of earlier versions have none and get
   * the default.
   */
  marginPoints: z.number().positive().max(100).default(2),
  /** Absent in a study of an earlier version until it is resumed. */
  data: studyDataSchema.optional(),
  /**
   * Errors of runs that started but have no result, by run name. A diverged run has a result; its run.json
   * records it.
   */
  failures: z.record(z.string(), runFailureSchema),
  startedAt: z.iso.datetime(),
});
export type Study = z.infer<typeof studySchema>;

/** Name of the run of an arm and a seed, and of its directory in `runs/`. */
export function studyRunName(arm: Pick<StudyArm, 'name'>, seed: number): string {
  return `${arm.name}-s${seed}`;
}

/** Name of a run that tries the arm's learning rate, and of its directory in `tuning/`. */
export function tuningRunName(arm: Pick<StudyArm, 'name' | 'learningRate'>, seed: number): string {
  return `${arm.name}-rate-${arm.learningRate}-s${seed}`;
}
