/** `npm run bench -- train`: images a second of one training step, ours beside those of others, taking turns in one run. */
import { join } from 'node:path';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { variantNames } from '../model/network.ts';
import { writeFileAtomically } from '../node/atomic-file.ts';
import { chromiumMissing, findChromium } from '../node/chromium.ts';
import { usableCores } from '../node/machine.ts';
import { npmRun } from '../node/shell.ts';
import type { Terminal } from '../node/terminal.ts';
import { tensorflowInstalled } from '../training/engine/tensorflow/load.ts';
import { type Circumstances, circumstances, multipliesBfloat16 } from './circumstances.ts';
import { findInterpreter } from './peer/interpreter.ts';
import { pytorch, tensorflow } from './peer/peers.ts';
import { profileStep } from './profile.ts';
import { type ProfiledContest, profilePage, profileSection } from './profile-page.ts';
import type { Contest, Peers } from './train-contenders.ts';
import { hold } from './train-contest.ts';
import { trainFigure } from './train-figure.ts';
import { contestSection, trainPage } from './train-page.ts';
import type { ContestResult, TrainResults } from './train-results.ts';

export const trainBenchOptions = z.strictObject({
  batch: z.int().min(1).default(165).describe('patches a training step'),
  threads: z
    .string()
    .optional()
    .describe('processor threads, one number or several as in 1,2 (default 1 and the usable cores)'),
  variant: z.string().default('reference').describe('network, or several with commas between'),
  data: z.string().min(1).default('generated').describe('folder of photographs, or "generated"'),
  rounds: z.int().min(1).default(7).describe('turns that each contender has'),
  minutes: z.number().positive().default(3).describe('a contest begins no further round after so long'),
  steps: z.int().min(1).default(3).describe('measured steps a turn'),
  profile: z
    .boolean()
    .default(false)
    .describe('no contest: show where the time of the onnx engine goes, by layer and by operator'),
  out: z
    .string()
    .min(1)
    .default('docs')
    .describe('folder for bench-train.md and its picture, or bench-profile.md'),
});
type TrainBenchOptions = z.infer<typeof trainBenchOptions>;

const threadsSchema = z.array(z.coerce.number().int().min(1));
const variantsSchema = z.array(z.enum(variantNames));

export async function benchTrain(options: TrainBenchOptions, terminal: Terminal): Promise<void> {
  const contests = contestsOf(options);
  const found = await circumstances();
  if (options.profile) return benchProfile(options, contests, found, terminal);
  const { peers, leftOut } = await findPeers(found, terminal);
  const versions: Record<string, string> = {};
  const finished: ContestResult[] = [];
  for (const contest of contests) {
    const result = await hold(contest, peers, options, versions, terminal);
    terminal.line(`\n${contestSection(result)}`);
    finished.push(result);
    // After each, so that a run that is stopped leaves what it has.
    await writeResults(options, {
      circumstances: found,
      versions,
      contests: finished,
      leftOut,
      stepsPerRound: options.steps,
      command: commandOf(
        options,
        finished.map((one) => one.contest),
      ),
    });
  }
  terminal.line(
    `Load average before: ${found.loadBefore.toFixed(2)}. Written: ${join(options.out, pageName)} and its picture.`,
  );
}

/** Where the steps of these networks spend their time, to the terminal and to bench-profile.md. */
async function benchProfile(
  options: TrainBenchOptions,
  contests: readonly Contest[],
  found: Circumstances,
  terminal: Terminal,
): Promise<void> {
  const profiled: ProfiledContest[] = [];
  const versions: Record<string, string> = {};
  for (const contest of contests) {
    terminal.status(`profiling ${contest.variant} on ${contest.threads} threads`);
    const profile = await profileStep(contest, options.steps);
    Object.assign(versions, profile.versions);
    profiled.push({ contest, profile });
    terminal.line(`\n${profileSection({ contest, profile })}`);
  }
  const path = join(options.out, 'bench-profile.md');
  await writeFileAtomically(path, profilePage(profiled, found, versions, commandOf(options, contests)));
  terminal.line(`Written: ${path}.`);
}

const pageName = 'bench-train.md';

async function writeResults({ out }: TrainBenchOptions, results: TrainResults): Promise<void> {
  await writeFileAtomically(join(out, pageName), trainPage(results));
  await writeFileAtomically(join(out, 'bench-train.svg'), trainFigure(results));
}

function contestsOf({ variant, threads, batch, data }: TrainBenchOptions): readonly Contest[] {
  const variants = listed('--variant', variant, variantsSchema, `some of ${variantNames.join(', ')}`);
  const counts =
    threads === undefined
      ? [...new Set([usableCores(), 1])]
      : listed('--threads', threads, threadsSchema, 'whole numbers from 1');
  return variants.flatMap((name) => counts.map((count) => ({ variant: name, threads: count, batch, data })));
}

/** The values of an option that takes several. Errors: `usage`. */
function listed<T>(flag: string, text: string, schema: z.ZodType<T>, expected: string): T {
  const parsed = schema.safeParse(text.split(','));
  if (!parsed.success) throw new TexturaError('usage', `${flag}: expected ${expected}, got "${text}"`);
  return parsed.data;
}

function commandOf(options: TrainBenchOptions, contests: readonly Contest[]): string {
  const { rounds, minutes, steps, data, profile } = options;
  const several = (values: readonly (string | number)[]) => [...new Set(values)].join(',');
  const variants = several(contests.map(({ variant }) => variant));
  const threads = several(contests.map((contest) => contest.threads));
  const batch = several(contests.map((contest) => contest.batch));
  const turns = profile ? ['--profile'] : ['--rounds', String(rounds), '--minutes', String(minutes)];
  const work = ['--variant', variants, '--threads', threads, '--batch', batch, '--data', data];
  return npmRun('bench', 'train', ...work, ...turns, '--steps', String(steps));
}

async function findPeers(
  { instructions }: Circumstances,
  terminal: Terminal,
): Promise<{ readonly peers: Peers; readonly leftOut: readonly string[] }> {
  const found = {
    pytorch: await findInterpreter(pytorch, terminal.line),
    tensorflow: await findInterpreter(tensorflow, terminal.line),
  };
  const peers: Peers = {
    hasTfjs: tensorflowInstalled(),
    hasChromium: findChromium() !== undefined,
    hasBfloat16: multipliesBfloat16(instructions),
    pytorch: 'python' in found.pytorch ? found.pytorch.python : undefined,
    tensorflow: 'python' in found.tensorflow ? found.tensorflow.python : undefined,
  };
  const leftOut = [
    ...(peers.hasTfjs ? [] : ['the tfjs engine, TensorFlow is not set up (npm run setup:tensorflow)']),
    ...(peers.hasChromium ? [] : [`the onnx engine in a browser, ${chromiumMissing}`]),
    ...('missing' in found.pytorch ? [`PyTorch, ${found.pytorch.missing}`] : []),
    ...('missing' in found.tensorflow ? [`TensorFlow for Python, ${found.tensorflow.missing}`] : []),
    ...(peers.hasBfloat16 || peers.pytorch === undefined
      ? []
      : ['PyTorch with bf16 autocast, this processor has no bfloat16 instructions']),
  ];
  for (const line of leftOut) terminal.line(`Left out: ${line}.`);
  return { peers, leftOut };
}
