/** `npm run ablate:worker`: trains runs of studies from a queue on this machine. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { callerPathHelp } from '../node/caller-path.ts';
import { type CommandDefinition, runIfMain } from '../node/command-line.ts';
import { isCsvPath } from '../node/csv-file.ts';
import { usableCores } from '../node/machine.ts';
import { queuePackages, requirePackages } from '../node/optional-packages.ts';
import { removeEmptyFolders, requireWritable } from '../node/output.ts';
import { onInterrupt } from '../node/stop-signal.ts';
import { terminalOn } from '../node/terminal.ts';
import { dataPath } from '../training/data/data-option.ts';
import { scanData } from '../training/data/folder.ts';
import { generatedSource } from '../training/data/generated.ts';
import { groupOption } from '../training/data/groups.ts';
import { shownAddress } from './queue/address.ts';
import { computingFlags } from './trainer.ts';

const workerOptions = z.strictObject({
  queue: z.string().min(1).default('redis://127.0.0.1:6379').describe('Redis server that the study uses'),
  data: z
    .string()
    .min(1)
    .optional()
    .describe(`data folder on this machine, if it differs from the study's; ${callerPathHelp}`),
  group: z
    .string()
    .refine(isCsvPath, { error: 'expected a CSV file (.csv)' })
    .optional()
    .describe(`CSV file of groups on this machine, if the study has one elsewhere; ${callerPathHelp}`),
  work: z
    .string()
    .min(1)
    .optional()
    .describe(
      'folder for active runs, which are removed at the end (default: textura-worker in the temporary folder of the system)',
    ),
  ...computingFlags,
  jobs: z.int().min(1).default(1).describe('parallel runs'),
  stallSeconds: z
    .int()
    .min(1)
    .max(86_400)
    .default(30)
    .describe('time after which a worker that does not answer loses its run to another worker'),
});
type WorkerOptions = z.infer<typeof workerOptions>;

const terminal = terminalOn(process.stdout);

async function work({
  queue,
  data,
  group,
  work: folder = join(tmpdir(), 'textura-worker'),
  jobs,
  stallSeconds,
  ...options
}: WorkerOptions): Promise<void> {
  const { engine, device, cacheMb, threads = Math.max(1, Math.floor(usableCores() / jobs)) } = options;
  requirePackages(queuePackages, 'ablate:worker');
  const source = data === undefined ? undefined : dataPath(data);
  // Without its data a worker would take all runs of the study, one after another, and fail them.
  if (source !== undefined && source !== generatedSource) await scanData(source);
  // Two workers of one machine must not share a directory.
  const workFolder = join(folder, String(process.pid));
  const firstMade = await requireWritable(workFolder);
  try {
    // The packages of the queue are loaded only after it is known that they are installed.
    const { startRunWorker } = await import('./queue/worker.ts');
    const worker = await startRunWorker({
      url: queue,
      data: source,
      group: groupOption(group),
      workFolder,
      computing: { engine, device, threads, ...(cacheMb === undefined ? {} : { cacheMb }) },
      parallelRuns: jobs,
      stallSeconds,
      onLine: terminal.line,
    });
    terminal.line(
      `Waiting for runs on ${shownAddress(queue)}; Ctrl-C returns active runs to the queue and ends.`,
    );
    // A second signal ends the process even if the server is gone and runs cannot be returned.
    const text = 'Stopping; active runs go back to the queue. Press Ctrl-C again to quit now.';
    let release = () => {};
    const interrupted = new Promise<undefined>((resolve) => {
      release = onInterrupt(terminal, () => resolve(undefined), text);
    });
    const refusal = await Promise.race([interrupted, worker.refused]);
    try {
      await worker.close();
    } finally {
      release();
    }
    if (refusal !== undefined) throw refusal;
  } finally {
    removeEmptyFolders(workFolder, firstMade ?? workFolder);
  }
}

export const command: CommandDefinition<typeof workerOptions> = {
  name: 'ablate:worker',
  summary: 'Trains runs of ablation studies from a queue and sends the results back.',
  options: workerOptions,
  configurable: ['queue', 'data', 'group', 'work', 'engine', 'device', 'jobs', 'threads', 'cacheMb'],
  run: work,
};

await runIfMain(command, import.meta.url);
