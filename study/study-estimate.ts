/** What a study will take: for each arm the time of a run, from runs that are there or from a measured step, and the memory. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeLayers, totalsOf, trainingStepBytes } from '../model/description.ts';
import { metricsFromCsv } from '../model/metrics.ts';
import { runFiles } from '../model/run-file.ts';
import type { Study, StudyArm } from '../model/study-file.ts';
import { configuredNetwork, type TrainingConfig } from '../model/training-config.ts';
import { measuredStep } from './measured-step.ts';
import type { Computing } from './run-message.ts';
import { isDone, type StudyRun, type StudyRunState, studyRunConfig } from './study-directory.ts';

export interface StudyCell {
  readonly run: StudyRun;
  readonly state: StudyRunState;
}

export interface ArmEstimate {
  readonly arm: StudyArm;
  readonly parameters: number;
  /** Of a forward pass of one patch. */
  readonly multiplyAdds: number;
  readonly memoryBytes: number;
  /** Of one whole run; undefined where no run is left to train or it could not be measured. */
  readonly runSeconds: number | undefined;
  readonly runsLeft: number;
}

export interface EstimateSetting {
  readonly study: Study;
  readonly cells: readonly StudyCell[];
  readonly classes: number;
  readonly validationPatches: number;
  readonly computing: Computing;
  /** Told of each arm before it is measured. */
  readonly onArm: (arm: StudyArm) => void;
}

/** One arm after another, so that each has the machine to itself. */
export async function estimateArms(setting: EstimateSetting): Promise<readonly ArmEstimate[]> {
  const estimates: ArmEstimate[] = [];
  for (const arm of setting.study.arms) estimates.push(await estimateArm(arm, setting));
  return estimates;
}

async function estimateArm(arm: StudyArm, setting: EstimateSetting): Promise<ArmEstimate> {
  const { study, cells, classes } = setting;
  const own = cells.filter(({ run }) => run.arm.name === arm.name);
  const left = own.filter(({ state }) => !isDone(state));
  const [first] = own;
  const config = first && studyRunConfig(study, first.run);
  const network = config && configuredNetwork(config, { classes, meanGrey: 0 });
  const totals = network ? totalsOf(describeLayers(network)) : { parameters: 0, multiplyAdds: 0 };
  return {
    arm,
    parameters: totals.parameters,
    multiplyAdds: totals.multiplyAdds,
    memoryBytes: network && config ? trainingStepBytes(network, config.batch) : 0,
    runSeconds: left.length === 0 || config === undefined ? undefined : await secondsOf(own, config, setting),
    runsLeft: left.length,
  };
}

async function secondsOf(
  own: readonly StudyCell[],
  config: TrainingConfig,
  { classes, validationPatches, computing, onArm }: EstimateSetting,
): Promise<number | undefined> {
  const finished = own.find(({ state }) => state.status === 'finished');
  if (finished !== undefined) return trainedSeconds(finished.run.directory);
  const [first] = own;
  if (first !== undefined) onArm(first.run.arm);
  const measured = await measuredStep({ config, classes, computing });
  if (measured === undefined) return undefined;
  const steps = Math.ceil(config.patchesPerEpoch / config.batch);
  // The evaluation of the best epoch comes on top of one an epoch.
  const evaluations = config.epochs + 1;
  return (
    config.epochs * steps * measured.stepSeconds + evaluations * validationPatches * measured.patchSeconds
  );
}

async function trainedSeconds(directory: string): Promise<number> {
  const path = join(directory, runFiles.metrics);
  const rows = metricsFromCsv(await readFile(path, 'utf8'), path);
  return rows.reduce((sum, { seconds }) => sum + seconds, 0);
}

/** Seconds that `atOnce` runs at a time will take for all that is left; undefined where an arm could not be measured. */
export function secondsLeft(estimates: readonly ArmEstimate[], atOnce: number): number | undefined {
  let sum = 0;
  for (const { runsLeft, runSeconds } of estimates) {
    if (runsLeft === 0) continue;
    if (runSeconds === undefined) return undefined;
    sum += runsLeft * runSeconds;
  }
  return sum / atOnce;
}
