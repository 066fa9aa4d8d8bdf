/**
 * A contender is a program of its own that takes training steps when it is asked to, a few at a time, so that contenders take turns
 * and meet the same weather on the machine. Lines of JSON: it begins with its versions, then answers each request.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';

export interface ContenderPlan {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Steps before each measured burst: they fill caches that the others emptied, and empty what was made ahead meanwhile. */
  readonly warmUpSteps: number;
  /** How many times as many steps a turn has, where a step is short; default 1. */
  readonly stepsFactor?: number;
}

/** What a contender is asked: steps that don't count, then measured ones until there are `steps` or `limitSeconds` are over. */
export const burstRequestSchema = z.strictObject({
  warmUpSteps: z.int().min(0),
  steps: z.int().min(1),
  limitSeconds: z.number().positive(),
});
export type BurstRequest = z.infer<typeof burstRequestSchema>;

/** How many steps were measured and their time, and the most memory that the process has held so far. */
export const burstSchema = z.strictObject({
  steps: z.int().min(1),
  seconds: z.number().positive(),
  peakBytes: z.number(),
});
export type Burst = z.infer<typeof burstSchema>;

export const greetingSchema = z.strictObject({ versions: z.record(z.string(), z.string()) });
export type Greeting = z.infer<typeof greetingSchema>;

/** Keeps a run short where a step takes seconds. */
const limitSeconds = 4;

/** A step that takes this long hardly minds what the others left in the caches. */
const longStepSeconds = 2;

export interface Contender {
  readonly name: string;
  /** Packages and their versions. */
  readonly versions: Readonly<Record<string, string>>;
  /** Takes up to `steps` measured steps, at least one. Errors: `engine-unavailable` where the process has ended, with its last line. */
  burst(steps: number): Promise<Burst>;
  close(): Promise<void>;
}

/** Starts the program and waits until it is ready. Errors: `engine-unavailable` where it ends instead, with its last line. */
export async function startContender({
  name,
  program,
  args,
  warmUpSteps,
  stepsFactor = 1,
}: ContenderPlan): Promise<Contender> {
  const child = spawn(program, args, { stdio: 'pipe' });
  const ended = new Promise<void>((resolve) => {
    child.on('error', () => resolve());
    child.on('close', () => resolve());
  });
  let complaint = '';
  child.stdin.on('error', () => {});
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-4000);
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

  async function answer<T>(schema: z.ZodType<T>): Promise<T> {
    const { value, done } = await lines.next();
    if (!done) return schema.parse(JSON.parse(value));
    await ended;
    const why = complaint.trim().split('\n').at(-1) || 'it ended without a word';
    throw new TexturaError('engine-unavailable', `${name}: ${why}`);
  }

  const { versions } = await answer(greetingSchema);
  // Unknown yet: the first burst is a warm-up itself.
  let stepSeconds = Number.POSITIVE_INFINITY;
  return {
    name,
    versions,
    async burst(steps) {
      const request: BurstRequest = {
        warmUpSteps: stepSeconds > longStepSeconds ? 0 : warmUpSteps,
        steps: steps * stepsFactor,
        limitSeconds,
      };
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const burst = await answer(burstSchema);
      stepSeconds = burst.seconds / burst.steps;
      return burst;
    },
    async close() {
      child.stdin.end();
      await ended;
    },
  };
}
