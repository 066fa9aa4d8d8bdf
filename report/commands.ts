/** The commands that the report tells: how the run was made, how it goes on, what comes next. */

import type { Run } from '../model/run-file.ts';
import { type TrainingConfig, trainingConfigSchema } from '../model/training-config.ts';
import { flagOf } from '../node/command-line.ts';
import { npmRun } from '../node/shell.ts';

/**
 * The command that trains what `run` trained, into `out`. Every setting that is not its default is written out, and the engine,
 * since another one may round differently.
 */
export function trainCommand(run: Run, out: string): string {
  const defaults: Partial<TrainingConfig> = trainingConfigSchema.parse({});
  const keys = Object.keys(trainingConfigSchema.shape) as (keyof TrainingConfig)[];
  const settings = keys.flatMap((key): readonly string[] => {
    const value = run.config[key];
    const told = key === 'data' || value !== defaults[key];
    return told && value !== undefined ? [flagOf(key), String(value)] : [];
  });
  const engine = run.stretches.at(-1)?.engine;
  return npmRun('train', ...settings, ...(engine === undefined ? [] : ['--engine', engine]), '--out', out);
}

/** The command that goes on with a run that was stopped. */
export function resumeCommand(run: Run, directory: string): string {
  return `${trainCommand(run, directory)} --resume`;
}

export function exportCommand(directory: string): string {
  return npmRun('export', '--run', directory);
}

export function classifyCommand(run: Run): string {
  return npmRun('classify', '--model', `models/${run.config.variant}.onnx`, 'PHOTO.jpg');
}
