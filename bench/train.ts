/** `npm run bench -- train`: images a second of one training step, ours beside PyTorch's, taking turns in one run. */
import { join } from 'node:path';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { variantNames } from '../model/network.ts';
import { writeFileAtomically } from '../node/atomic-file.ts';
import { usableCores } from '../node/machine.ts';
import type { Terminal } from '../node/terminal.ts';
import { tensorflowInstalled } from '../training/tensorflow/load.ts';
import { type Circumstances, circumstances, multipliesBfloat16 } from './circumstances.ts';
import { type Burst, type Contender, type ContenderPlan, startContender } from './contender.ts';
import { findPytorch } from './peer/pytorch.ts';
import { type Contest, contendersOf, type Peers } from './train-contenders.ts';
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
  steps: z.int().min(1).default(3).describe('measured steps a turn'),
  out: z.string().min(1).default('docs').describe('folder for bench-train.md and bench-train.svg'),
});
type TrainBenchOptions = z.infer<typeof trainBenchOptions>;

const threadsSchema = z.array(z.coerce.number().int().min(1));
const variantsSchema = z.array(z.enum(variantNames));

export async function benchTrain(options: TrainBenchOptions, terminal: Terminal): Promise<void> {
  const contests = contestsOf(options);
  const found = await circumstances();
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
      rounds: options.rounds,
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

function commandOf({ rounds, steps, data }: TrainBenchOptions, contests: readonly Contest[]): string {
  const several = (values: readonly (string | number)[]) => [...new Set(values)].join(',');
  const variants = several(contests.map(({ variant }) => variant));
  const threads = several(contests.map((contest) => contest.threads));
  const batch = several(contests.map((contest) => contest.batch));
  return `npm run bench -- train --variant ${variants} --threads ${threads} --batch ${batch} --data ${data} --rounds ${rounds} --steps ${steps}`;
}

async function findPeers(
  { instructions }: Circumstances,
  terminal: Terminal,
): Promise<{ readonly peers: Peers; readonly leftOut: readonly string[] }> {
  const pytorch = await findPytorch(terminal.line);
  const hasTensorflow = tensorflowInstalled();
  const hasBfloat16 = multipliesBfloat16(instructions);
  const leftOut = [
    ...(hasTensorflow ? [] : ['the tfjs engine, TensorFlow is not set up (npm run setup:tensorflow)']),
    ...('missing' in pytorch ? [`PyTorch, ${pytorch.missing}`] : []),
    ...(hasBfloat16 || 'missing' in pytorch
      ? []
      : ['PyTorch with bf16 autocast, this processor has no bfloat16 instructions']),
  ];
  for (const line of leftOut) terminal.line(`Left out: ${line}.`);
  const python = 'python' in pytorch ? pytorch.python : undefined;
  return { peers: { hasTensorflow, python, hasBfloat16 }, leftOut };
}

/** Starts every contender, lets them take turns, and ends them. `versions` gets what they are made of. */
async function hold(
  contest: Contest,
  peers: Peers,
  { rounds, steps }: TrainBenchOptions,
  versions: Record<string, string>,
  terminal: Terminal,
): Promise<ContestResult> {
  const { contenders, leftOut } = await startAll(contendersOf(contest, peers), terminal);
  try {
    for (const contender of contenders) Object.assign(versions, contender.versions);
    const bursts = await takeTurns(contenders, rounds, steps, terminal);
    const measurements = contenders.map(({ name }, i) => {
      const own = bursts.map((round) => round[i] as Burst);
      return {
        name,
        rates: own.map((burst) => (contest.batch * burst.steps) / burst.seconds),
        peakBytes: Math.max(...own.map(({ peakBytes }) => peakBytes)),
      };
    });
    return { contest, measurements, leftOut };
  } finally {
    await Promise.all(contenders.map((contender) => contender.close()));
  }
}

/** Starts contenders one after another, each with a first burst that doesn't count; those that fail are left out. */
async function startAll(plans: readonly ContenderPlan[], terminal: Terminal) {
  const contenders: Contender[] = [];
  const leftOut: string[] = [];
  for (const plan of plans) {
    terminal.status(`starting ${plan.name}`);
    try {
      const contender = await startContender(plan);
      await contender.burst(1);
      contenders.push(contender);
    } catch (error) {
      if (!(error instanceof TexturaError) || error.code !== 'engine-unavailable') throw error;
      leftOut.push(error.message);
    }
  }
  terminal.clear();
  return { contenders, leftOut };
}

/** `[round][contender]`. Each round begins with another contender, so that none always follows the same one. */
async function takeTurns(
  contenders: readonly Contender[],
  rounds: number,
  steps: number,
  terminal: Terminal,
): Promise<readonly (readonly Burst[])[]> {
  const bursts: Burst[][] = [];
  for (let round = 0; round < rounds; round++) {
    const own = new Array<Burst>(contenders.length);
    for (let turn = 0; turn < contenders.length; turn++) {
      const at = (round + turn) % contenders.length;
      const contender = contenders[at] as Contender;
      terminal.status(`round ${round + 1} of ${rounds}: ${contender.name}`);
      own[at] = await contender.burst(steps);
    }
    bursts.push(own);
  }
  terminal.clear();
  return bursts;
}
