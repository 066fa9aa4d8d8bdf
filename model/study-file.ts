/**
 * study.json: an ablation study as data. A study is a table of runs, one for each arm and seed; with the same seed every arm gets
 * the same split, the same patches in the same order and the same initial values in the layers that it shares with the reference.
 */
import { z } from 'zod';
import { variantNames } from './network.ts';
import { runFailureSchema } from './run-file.ts';
import { recipeNames, trainingConfigSchema } from './training-config.ts';

/** Names of the files of a study directory, relative to it. */
export const studyFiles = {
  study: 'study.json',
  /** Holds a run directory for each arm and seed, named by `studyRunName`. */
  runs: 'runs',
  summary: 'summary.csv',
  table: 'summary.md',
  report: 'report.html',
} as const;

/** What a control is made equal to in its ablation: the number of parameters, or the multiply-adds of a forward pass. */
export const controlMeasures = ['params', 'macs'] as const;
export type ControlMeasure = (typeof controlMeasures)[number];

/** One row of the study: a network that is trained with every seed. */
export const studyArmSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]+$/),
  variant: z.enum(variantNames),
  /** Factor on the filters of the reference's hidden convolutions; other than 1 in controls alone. */
  width: z.number().positive(),
  /** Of a control: the ablation that it is as large or as costly as, without lacking a layer. */
  controls: z.strictObject({ variant: z.enum(variantNames), measure: z.enum(controlMeasures) }).optional(),
});
export type StudyArm = z.infer<typeof studyArmSchema>;

/** The data that all runs of a study see, however each seed splits it. */
export const studyDataSchema = z.strictObject({
  /**
   * SHA-256 over labels and the content hashes of the images, and over the split where the folder gives one.
   */
  fingerprint: z.string().regex(/^[0-9a-f]{64}$/),
  /** How many images of each class, in the order of the labels. */
  classes: z.array(z.strictObject({ label: z.string().min(1), images: z.int().min(0) })).min(2),
});
export type StudyData = z.infer<typeof studyDataSchema>;

export const studySchema = z.strictObject({
  textura: z.string(),
  recipe: z.enum(recipeNames),
  /** What all runs have in common; arm and seed add variant, width and seed. */
  config: trainingConfigSchema.omit({ variant: true, width: true, seed: true }),
  /** The reference first, then variants in the paper's order, then controls. */
  arms: z.array(studyArmSchema).min(1),
  seeds: z.array(z.int().min(0)).min(1),
  /** Absent in a study of an earlier version until it is resumed. */
  data: studyDataSchema.optional(),
  /**
   * By run name: why it has no result although it was started. A diverged run has one; its run.json says so.
   */
  failures: z.record(z.string(), runFailureSchema),
  startedAt: z.iso.datetime(),
});
export type Study = z.infer<typeof studySchema>;

/** Name of the run of an arm with a seed, which is also the name of its directory in `runs/`. */
export function studyRunName(arm: Pick<StudyArm, 'name'>, seed: number): string {
  return `${arm.name}-s${seed}`;
}
