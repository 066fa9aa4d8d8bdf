/** `npm run bench -- train`: images per second of a training step, compared with PyTorch and TensorFlow. */
import { z } from 'zod';
import { usableCores } from '../node/machine.ts';
import type { Terminal } from '../node/terminal.ts';
import { tensorflowInstalled } from '../training/engine/tensorflow/location.ts';
import { commandOf, listOption, networksIn, outOption, variantsOption } from './bench-options.ts';
import { publish } from './bench-page.ts';
import { type Environment, multipliesBfloat16, readEnvironment } from './environment.ts';
import { findInterpreter } from './peer/interpreter.ts';
import type { Peers, TrainComparison } from './train-candidates.ts';
import { type ComparisonResult, runComparison } from './train-comparison.ts';
import { comparisonSection, trainFigure, trainPage } from './train-page.ts';
import { type ProfiledStep, profilePage, profileSection, profileStep } from './train-profile.ts';
import { chromiumMissing, findChromium } from './web/chromium.ts';

export const trainBenchOptions = z.strictObject({
  batch: z.int().min(1).default(165).describe('patches per training step'),
  threads: z
    .string()
    .optional()
    .describe('CPU threads, one number or a list such as 1,2 (default: all usable cores, then 1)'),
  variant: variantsOption,
  data: z.string().min(1).default('generated').describe('folder of photographs, or "generated"'),
  rounds: z.int().min(1).default(7).describe('turns of each candidate'),
  minutes: z
    .number()
    .positive()
    .default(3)
    .describe('start no further round of a comparison after this time'),
  steps: z.int().min(1).default(3).describe('measured steps per turn'),
  profile: z
    .boolean()
    .default(false)
    .describe("profile the onnx engine's step by layer and operator instead of comparing candidates"),
  out: outOption('bench-train.md and its figure, or for bench-profile.md'),
});
type TrainBenchOptions = z.infer<typeof trainBenchOptions>;

const threadsSchema = z.array(z.coerce.number().int().min(1));

export async function benchTrain(options: TrainBenchOptions, terminal: Terminal): Promise<void> {
  const comparisons = comparisonsOf(options);
  const environment = await readEnvironment();
  if (options.profile) return benchProfile(options, comparisons, environment, terminal);
  const { peers, leftOut } = await findPeers(environment, terminal);
  const versions: Record<string, string> = {};
  const results: ComparisonResult[] = [];
  for (const comparison of comparisons) {
    const { result, versions: found } = await runComparison(comparison, peers, options, terminal);
    terminal.line(`\n${comparisonSection(result)}`);
    results.push(result);
    Object.assign(versions, found);
    const done = results.map((one) => one.comparison);
    const origin = { environment, versions, leftOut, command: trainCommand(options, done) };
    // After each comparison, so that an interrupted run keeps its results.
    const page = trainPage(results, options.steps, origin);
    const files = { 'bench-train.md': page, 'bench-train.svg': trainFigure(results, origin) };
    await publish(options.out, files, terminal);
  }
}

async function benchProfile(
  options: TrainBenchOptions,
  comparisons: readonly TrainComparison[],
  environment: Environment,
  terminal: Terminal,
): Promise<void> {
  const profiled: ProfiledStep[] = [];
  const versions: Record<string, string> = {};
  for (const comparison of comparisons) {
    terminal.status(`profiling ${comparison.variant} on ${comparison.threads} threads`);
    const profile = await profileStep(comparison, options.steps);
    Object.assign(versions, profile.versions);
    profiled.push({ comparison, profile });
    terminal.line(`\n${profileSection({ comparison, profile })}`);
  }
  const page = profilePage(profiled, { environment, versions, command: trainCommand(options, comparisons) });
  await publish(options.out, { 'bench-profile.md': page }, terminal);
}

function comparisonsOf({ variant, threads, batch, data }: TrainBenchOptions): readonly TrainComparison[] {
  const counts =
    threads === undefined
      ? [...new Set([usableCores(), 1])]
      : listOption('--threads', threads, threadsSchema, 'integers of at least 1');
  return networksIn(variant).flatMap((name) =>
    counts.map((count) => ({ variant: name, threads: count, batch, data })),
  );
}

function trainCommand(options: TrainBenchOptions, comparisons: readonly TrainComparison[]): string {
  const several = (values: readonly (string | number)[]) => [...new Set(values)].join(',');
  return commandOf('train', {
    ...options,
    threads: several(comparisons.map(({ threads }) => threads)),
    variant: several(comparisons.map(({ variant }) => variant)),
    ...(options.profile && { rounds: undefined, minutes: undefined }),
  });
}

async function findPeers(
  { instructions }: Environment,
  terminal: Terminal,
): Promise<{ readonly peers: Peers; readonly leftOut: readonly string[] }> {
  const pytorch = await findInterpreter({ name: 'PyTorch', module: 'torch' }, terminal.line);
  const tensorflow = await findInterpreter({ name: 'TensorFlow', module: 'tensorflow' }, terminal.line);
  const peers: Peers = {
    hasTfjs: tensorflowInstalled(),
    hasChromium: findChromium() !== undefined,
    hasBfloat16: multipliesBfloat16(instructions),
    pytorch: 'python' in pytorch ? pytorch.python : undefined,
    tensorflow: 'python' in tensorflow ? tensorflow.python : undefined,
  };
  const leftOut = [
    ...(peers.hasTfjs ? [] : ['tfjs engine: TensorFlow is not installed (npm run setup:tensorflow)']),
    ...(peers.hasChromium ? [] : [`onnx engine in Chromium: ${chromiumMissing}`]),
    ...('missing' in pytorch ? [`PyTorch: ${pytorch.missing}`] : []),
    ...('missing' in tensorflow ? [`TensorFlow for Python: ${tensorflow.missing}`] : []),
    ...(peers.hasBfloat16 || peers.pytorch === undefined
      ? []
      : ['PyTorch with bf16 autocast: this processor has no bfloat16 instructions']),
  ];
  for (const line of leftOut) terminal.line(`Not measured: ${line}.`);
  return { peers, leftOut };
}
