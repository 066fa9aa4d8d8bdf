/**
 * A candidate is a program that runs training steps on request, in samples of a few steps, so that the
 * candidates of a comparison can take turns under the same load. It writes one JSON line with its versions,
 * then one line per request line that it reads.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { type SamplePlan, samplePlanSchema } from './sample.ts';

export interface CandidatePlan {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Steps before each sample: they refill caches and use up batches prepared during other turns. */
  readonly warmUpSteps: number;
  /** Multiplies the steps of a turn, for candidates with short steps; default 1. */
  readonly stepsFactor?: number;
}

/** The number of measured steps, their total time, and the peak memory of the process. */
const sampleSchema = z.strictObject({
  steps: z.int().min(1),
  seconds: z.number().positive(),
  peakBytes: z.number(),
});
export type SpeedSample = z.infer<typeof sampleSchema>;

const versionsSchema = z.strictObject({ versions: z.record(z.string(), z.string()) });
type Versions = z.infer<typeof versionsSchema>['versions'];

/** Keeps samples short when a step takes seconds. */
const limitSeconds = 4;

/** Warm-up hardly changes the time of steps that take longer than this. */
const longStepSeconds = 2;

export interface Candidate {
  readonly name: string;
  /** Packages and their versions. */
  readonly versions: Readonly<Versions>;
  /**
   * Measures up to `steps` steps, at least one. Errors: `engine-unavailable` with the last error line if the
   * process has ended.
   */
  sample(steps: number): Promise<SpeedSample>;
  close(): Promise<void>;
}

/**
 * Starts the program and waits until it is ready. Errors: `engine-unavailable` with the last error line if it
 * ends instead.
 */
export async function startCandidate({
  name,
  program,
  args,
  warmUpSteps,
  stepsFactor = 1,
}: CandidatePlan): Promise<Candidate> {
  const child = spawn(program, args, { stdio: 'pipe' });
  const ended = new Promise<void>((resolve) => {
    child.on('error', () => resolve());
    child.on('close', () => resolve());
  });
  let errorText = '';
  child.stdin.on('error', () => {});
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errorText = (errorText + text).slice(-4000);
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

  async function answer<T>(schema: z.ZodType<T>): Promise<T> {
    const { value, done } = await lines.next();
    if (!done) return schema.parse(JSON.parse(value));
    await ended;
    const why = errorText.trim().split('\n').at(-1) || 'the process ended without an error message';
    throw new TexturaError('engine-unavailable', `${name}: ${why}`);
  }

  const { versions } = await answer(versionsSchema);
  // Unknown until the first sample, which is itself a warm-up.
  let stepSeconds = Number.POSITIVE_INFINITY;
  return {
    name,
    versions,
    async sample(steps) {
      const plan: SamplePlan = {
        warmUpSteps: stepSeconds > longStepSeconds ? 0 : warmUpSteps,
        steps: steps * stepsFactor,
        limitSeconds,
      };
      child.stdin.write(`${JSON.stringify(plan)}\n`);
      const sample = await answer(sampleSchema);
      stepSeconds = sample.seconds / sample.steps;
      return sample;
    },
    async close() {
      child.stdin.end();
      await ended;
    },
  };
}

/** The program's side, for candidates in Node: writes `versions`, then answers requests until stdin ends. */
export async function answerSamples(
  versions: Versions,
  sample: (plan: SamplePlan) => Promise<SpeedSample>,
): Promise<void> {
  const write = (message: object) => process.stdout.write(`${JSON.stringify(message)}\n`);
  write({ versions });
  for await (const line of createInterface({ input: process.stdin })) {
    write(await sample(samplePlanSchema.parse(JSON.parse(line))));
  }
}
