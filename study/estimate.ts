/**
 * The cost of a study: memory and time of a run of each network, from a finished run or from a measured
 * training step.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { describeLayers, totalsOf, trainingStepBytes } from '../model/description.ts';
import { metricsFromCsv } from '../model/metrics.ts';
import { runFiles } from '../model/run-file.ts';
import type { Study, StudyArm } from '../model/study-file.ts';
import { configuredNetwork, type TrainingConfig, trainingConfigSchema } from '../model/training-config.ts';
import { nodeArguments } from '../node/own-module.ts';
import { runProgram } from '../node/program.ts';
import { type EngineChoice, engineChoiceSchema } from '../training/engine/engine-choice.ts';
import { isDone, type RunWithState, studyRunConfig } from './study-directory.ts';

export interface ArmEstimate {
  readonly arm: StudyArm;
  readonly parameters: number;
  /** Of a forward pass of one patch. */
  readonly multiplyAdds: number;
  readonly memoryBytes: number;
  /** Of one run; undefined if no run is left or its step could not be measured. */
  readonly runSeconds: number | undefined;
  readonly runsLeft: number;
}

interface EstimateRequest {
  readonly study: Study;
  readonly runs: readonly RunWithState[];
  readonly classes: number;
  readonly validationPatches: number;
  /** Time to read the data, which each run repeats. */
  readonly readSeconds: number;
  readonly choice: EngineChoice;
  /** CPU threads of a run that is measured. */
  readonly threads: number;
  /** Called for each arm before it is measured. */
  readonly onArm: (arm: StudyArm) => void;
  /** Called if an arm was measured on the CPU because the chosen device cannot be used, with the reason. */
  readonly onCpu: (reason: string) => void;
}

/** One arm after another, so that measurements do not disturb each other. */
export async function estimateArms(request: EstimateRequest): Promise<readonly ArmEstimate[]> {
  const estimates: ArmEstimate[] = [];
  for (const arm of request.study.arms) estimates.push(await estimateArm(arm, request));
  return estimates;
}

async function estimateArm(arm: StudyArm, request: EstimateRequest): Promise<ArmEstimate> {
  const { study, runs, classes } = request;
  const own = runs.filter(({ run }) => run.arm.name === arm.name);
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
    runSeconds: left.length === 0 || config === undefined ? undefined : await secondsOf(own, config, request),
    runsLeft: left.length,
  };
}

async function secondsOf(
  own: readonly RunWithState[],
  config: TrainingConfig,
  { classes, validationPatches, readSeconds, choice, threads, onArm, onCpu }: EstimateRequest,
): Promise<number | undefined> {
  const finished = trainedBy(choice, own);
  // A damaged file of a finished run does not stop the others.
  const trained = finished && (await trainedSeconds(finished.run.directory).catch(() => undefined));
  if (trained !== undefined) return readSeconds + trained;
  const [first] = own;
  if (first !== undefined) onArm(first.run.arm);
  const measured = await measuredStep({ config, classes, threads, choice });
  if (measured === undefined) return undefined;
  for (const note of measured.notes) onCpu(note);
  const steps = Math.ceil(config.patchesPerEpoch / config.batch);
  // One for each epoch, and one of the best epoch at the end.
  const evaluations = (config.epochs + 1) * (config.chooseOn === 'half' ? 0.5 : 1);
  return (
    measured.startSeconds +
    readSeconds +
    config.epochs * steps * measured.stepSeconds +
    evaluations * validationPatches * measured.patchSeconds
  );
}

/** A run that finished with the same engine on the same device; on another its time says nothing. */
export function trainedBy(
  { engine, device }: Pick<EngineChoice, 'engine' | 'device'>,
  runs: readonly RunWithState[],
): RunWithState | undefined {
  return runs.find(({ state }) => {
    if (state.status !== 'finished') return false;
    const last = state.run.stretches.at(-1);
    const isSameDevice = device === 'gpu' ? last?.device !== 'cpu' : last?.device === device;
    return last?.engine === engine && isSameDevice;
  });
}

async function trainedSeconds(directory: string): Promise<number> {
  const path = join(directory, runFiles.metrics);
  const rows = metricsFromCsv(await readFile(path, 'utf8'), path);
  return rows.reduce((sum, { seconds }) => sum + seconds, 0);
}

/** Time of all remaining runs, `parallelRuns` in parallel; undefined if an arm could not be measured. */
export function secondsLeft(estimates: readonly ArmEstimate[], parallelRuns: number): number | undefined {
  let sum = 0;
  for (const { runsLeft, runSeconds } of estimates) {
    if (runsLeft === 0) continue;
    if (runSeconds === undefined) return undefined;
    sum += runsLeft * runSeconds;
  }
  return sum / parallelRuns;
}

export const measureOrderSchema = z.strictObject({
  config: trainingConfigSchema,
  classes: z.int().min(2),
  threads: z.int().min(1),
  choice: engineChoiceSchema,
});
export type MeasureOrder = z.infer<typeof measureOrderSchema>;

const measuredSchema = z.strictObject({
  /** From the start of the process until its engine is ready. */
  startSeconds: z.number().positive(),
  /** Of one training step on a whole batch. */
  stepSeconds: z.number().positive(),
  /** Of the evaluation of one patch. */
  patchSeconds: z.number().positive(),
  /** Why the CPU was used instead of the chosen device. */
  notes: z.array(z.string()),
});
export type Measured = z.infer<typeof measuredSchema>;

/**
 * Measures in a process of its own. Undefined if that fails: the run itself will report why. Errors:
 * `interrupted`.
 */
async function measuredStep(order: MeasureOrder): Promise<Measured | undefined> {
  const program = nodeArguments(new URL('./measure-process.ts', import.meta.url));
  const { status, stdout } = await runProgram(process.execPath, [...program, JSON.stringify(order)], {
    doing: 'measuring the networks',
  });
  return status === 0 ? measuredSchema.parse(JSON.parse(stdout)) : undefined;
}
