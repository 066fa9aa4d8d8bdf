/** `npm run ablate:worker`: a machine that takes runs of studies from a queue. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { runCommand } from '../node/command-line.ts';
import { usableCores } from '../node/machine.ts';
import { requireWritable } from '../node/output.ts';
import { terminalOn } from '../node/terminal.ts';
import { deviceOptions, engineOptions } from '../training/engine/engine-choice.ts';
import { onInterrupt } from '../training/run/interrupt.ts';
import { startRunWorker } from './queue/run-worker.ts';

export const workerOptions = z.strictObject({
  queue: z.string().min(1).default('redis://127.0.0.1:6379').describe('Redis server that the study uses'),
  data: z
    .string()
    .min(1)
    .optional()
    .describe('the data folder on this machine, where it is elsewhere than the study says'),
  work: z
    .string()
    .min(1)
    .default(join(tmpdir(), 'textura-worker'))
    .describe('folder for runs under way, which is emptied of them'),
  engine: z.enum(engineOptions).default('auto').describe('what computes'),
  device: z.enum(deviceOptions).default('auto').describe('where it computes'),
  jobs: z.int().min(1).default(1).describe('runs at a time'),
  threads: z.int().min(1).optional().describe('processor threads of a run (default the cores, shared out)'),
  cacheMb: z.int().min(0).optional().describe('memory of a run for decoded images'),
  stallSeconds: z
    .int()
    .min(1)
    .default(30)
    .describe('after this long without a sign a worker is taken for dead and its run goes to another'),
});
export type WorkerOptions = z.infer<typeof workerOptions>;

const terminal = terminalOn(process.stdout);

async function work({
  queue,
  data,
  work: folder,
  jobs,
  stallSeconds,
  ...options
}: WorkerOptions): Promise<void> {
  const { engine, device, cacheMb, threads = Math.max(1, Math.floor(usableCores() / jobs)) } = options;
  await requireWritable(folder);
  const worker = await startRunWorker({
    url: queue,
    data,
    // Two workers of one machine must not write into one directory.
    workFolder: join(folder, String(process.pid)),
    computing: { engine, device, threads, ...(cacheMb === undefined ? {} : { cacheMb }) },
    atOnce: jobs,
    stallSeconds,
    onLine: terminal.line,
  });
  terminal.line(`Waiting for runs on ${queue}; Ctrl-C gives those under way to other workers and ends.`);
  // A second signal ends the process where the server is gone and nothing can be given back.
  const release = await new Promise<() => void>((resolve) => {
    const giveBack = onInterrupt(terminal, () => resolve(giveBack));
  });
  try {
    await worker.close();
  } finally {
    release();
  }
}

await runCommand(
  {
    name: 'ablate:worker',
    summary: 'Takes runs of ablation studies from a queue, trains them and sends them back.',
    options: workerOptions,
    run: work,
  },
  process.argv.slice(2),
);
