/**
 * study.json: an ablation study as data. A study is a table of runs, one for each arm and seed; with the same seed every arm gets
 * the same split, the same patches in the same order and the same initial values in the layers that it shares with the reference.
 */
import { z } from 'zod';
import { variantNames } from './network.ts';
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

/** Why a run of the study has no result although it was begun. A diverged run has one: its own run.json says so. */
export const studyFailureSchema = z.strictObject({ code: z.string(), message: z.string() });
export type StudyFailure = z.infer<typeof studyFailureSchema>;

export const studySchema = z.strictObject({
  textura: z.string(),
  recipe: z.enum(recipeNames),
  /** What all runs have in common; arm and seed add variant, width and seed. */
  config: trainingConfigSchema.omit({ variant: true, width: true, seed: true }),
  /** The reference first, then variants in the paper's order, then controls. */
  arms: z.array(studyArmSchema).min(1),
  seeds: z.array(z.int().min(0)).min(1),
  /** By run name. */
  failures: z.record(z.string(), studyFailureSchema),
  startedAt: z.iso.datetime(),
});
export type Study = z.infer<typeof studySchema>;

/** Name of the run of an arm with a seed, which is also the name of its directory in `runs/`. */
export function studyRunName(arm: Pick<StudyArm, 'name'>, seed: number): string {
  return `${arm.name}-s${seed}`;
}
