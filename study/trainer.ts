/**
 * Trains a run of a study in a process of its own: starts it, receives its messages, and stops it. The
 * messages are the contract with `trainer-process.ts`.
 */
import { fork } from 'node:child_process';
import { z } from 'zod';
import { runFailureSchema } from '../model/run-file.ts';
import { trainingConfigSchema } from '../model/training-config.ts';
import { startable } from '../node/own-module.ts';
import { deviceOptions, engineFlags, engineOptions } from '../training/engine/engine-choice.ts';
import { loggers } from '../training/run/tensorboard.ts';

/** The options of a study and its workers for the computation of each run. */
export const computingFlags = {
  ...engineFlags,
  threads: z
    .int()
    .min(1)
    .optional()
    .describe('CPU threads of a run (default: the cores divided by the runs)'),
  cacheMb: z.int().min(0).optional().describe('memory of a run for decoded images'),
};

/** Where and with what a run is computed, which does not change its results beyond rounding. */
export const computingSchema = z.strictObject({
  engine: z.enum(engineOptions),
  device: z.enum(deviceOptions),
  threads: z.int().min(1),
  cacheMb: z.int().min(0).optional(),
  log: z.enum(loggers).optional(),
});
export type Computing = z.infer<typeof computingSchema>;

export const runOrderSchema = z.strictObject({
  config: trainingConfigSchema,
  directory: z.string().min(1),
  /** Content fingerprint that the data must have. */
  content: z.string(),
  computing: computingSchema,
});
type RunOrder = z.infer<typeof runOrderSchema>;

/** How the run ended; its results are in its files. */
export const runEndSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('finished') }),
  z.strictObject({ kind: z.literal('diverged') }),
  z.strictObject({ kind: z.literal('stopped') }),
  z.strictObject({ kind: z.literal('failed'), failure: runFailureSchema }),
]);
export type RunEnd = z.infer<typeof runEndSchema>;

/** `share` is the part of the run that is done, 0..1. */
export const runMessageSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('progress'),
    epoch: z.int(),
    share: z.number(),
    imagesPerSecond: z.number(),
  }),
  z.strictObject({ kind: z.literal('end'), end: runEndSchema }),
]);
export type RunMessage = z.infer<typeof runMessageSchema>;
export type RunProgress = Extract<RunMessage, { kind: 'progress' }>;

export interface TrainerProcess {
  /** How the run ended; a process that exits without a message has failed. */
  readonly ended: Promise<RunEnd>;
  /** Asks the run to write a checkpoint and end. */
  stop(): void;
}

export function startTrainer(order: RunOrder, onMessage: (message: RunMessage) => void): TrainerProcess {
  const { url, execArgv } = startable(new URL('./trainer-process.ts', import.meta.url));
  // Detached, so that Ctrl-C reaches only the study's process, which then asks each run once.
  const child = fork(url, [JSON.stringify(order)], {
    execArgv: [...execArgv],
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let errorOutput = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errorOutput = (errorOutput + text).slice(-4000);
  });
  let end: RunEnd | undefined;
  let isStopping = false;
  child.on('message', (raw) => {
    const message = runMessageSchema.parse(raw);
    if (message.kind === 'end') end = message.end;
    onMessage(message);
  });
  const ended = new Promise<RunEnd>((resolve) => {
    child.on('error', (error) => resolve(failed(error.message)));
    child.on('close', (status, signal) =>
      resolve(end ?? (isStopping ? { kind: 'stopped' } : failed(exitText(status, signal, errorOutput)))),
    );
  });
  return {
    ended,
    stop() {
      isStopping = true;
      child.kill('SIGINT');
    },
  };
}

function failed(message: string): RunEnd {
  return { kind: 'failed', failure: { code: 'internal', message } };
}

function exitText(status: number | null, signal: string | null, errorOutput: string): string {
  const how = signal === null ? `with status ${status}` : `by ${signal}`;
  const hint = signal === 'SIGKILL' ? ', possibly because memory ran out' : '';
  return [`its process ended ${how}${hint}`, errorOutput.trim()].filter(Boolean).join(':\n');
}
