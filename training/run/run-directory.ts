/** Run directories: choosing one for a new run, finding one to resume, and checking what it contains. */
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describeLayers, totalsOf } from '../../model/description.ts';
import { TexturaError } from '../../model/error.ts';
import type { Network, NetworkName } from '../../model/network.ts';
import { isUnfinished, type Run, runFiles, runsFolder } from '../../model/run-file.ts';
import { sumOf } from '../../model/statistics/descriptive.ts';
import type { TrainingConfig } from '../../model/training-config.ts';
import { oneLine } from '../../model/words.ts';
import { flagOf } from '../../node/command-line.ts';
import { requireSpace } from '../../node/output.ts';
import { readRun } from '../../node/records.ts';
import { areGroupFiles } from '../data/groups.ts';
import { checkpointPath, hasCheckpoint } from './checkpoint.ts';

/** A directory for a new run or study: the name, with the next free number if it is taken. */
export function freeDirectory(folder: string, name: string): string {
  for (let number = 1; ; number++) {
    const directory = join(folder, number === 1 ? name : `${name}-${number}`);
    if (!existsSync(directory)) return directory;
  }
}

/** In runs/. */
export function freeRunDirectory(name: string): string {
  return freeDirectory(runsFolder, name);
}

export function holdsRun(directory: string): boolean {
  return existsSync(join(directory, runFiles.run));
}

/**
 * Whether a finished run lacks a result file, which can be computed again from its checkpoints: the best one, and
 * the newest, without which the run would begin again.
 * Errors: `file-unreadable` if they are missing, too.
 */
export function lacksResults(directory: string): boolean {
  const missing = [runFiles.model, runFiles.parity, runFiles.validation].find(
    (file) => !existsSync(join(directory, file)),
  );
  const isComputable = existsSync(checkpointPath(directory, 'best')) && hasCheckpoint(directory);
  // Runs of earlier versions have no logits of their validation, and need none.
  if (missing === undefined) return isComputable && !existsSync(join(directory, runFiles.validationLogits));
  if (isComputable) return true;
  throw new TexturaError(
    'file-unreadable',
    `${directory}: ${missing} is missing, and so is the checkpoint to compute it from; train again with another --out`,
  );
}

/** Estimated size of the files of a run: figures and pages, and multiples of the parameters' size. */
const figureBytes = 4 * 2 ** 20;
const modelCopies = 1;
/**
 * Parameters and momentum buffers, in `last`, `previous`, `best` and the checkpoint that is being written.
 */
const checkpointCopies = 2 * 4;

/**
 * Estimated bytes of a run directory: the peak during training, and what is kept once the checkpoints are
 * removed.
 */
export function runBytes(network: Network): { readonly peak: number; readonly kept: number } {
  const parameterBytes = 4 * totalsOf(describeLayers(network)).parameters;
  return {
    peak: figureBytes + checkpointCopies * parameterBytes,
    kept: figureBytes + modelCopies * parameterBytes,
  };
}

/** Bytes of the existing checkpoints and model, which new ones replace. */
export async function bytesOnDisk(directory: string): Promise<number> {
  const checkpoints = join(directory, runFiles.checkpoints);
  const names = await readdir(checkpoints).catch(() => []);
  const paths = [join(directory, runFiles.model), ...names.map((name) => join(checkpoints, name))];
  const sizes = await Promise.all(
    paths.map((path) =>
      stat(path).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sumOf(sizes);
}

/** Errors: `output-unwritable` if the disk has too little space for a run. */
export async function requireRoom(directory: string, network: Network): Promise<void> {
  await requireSpace(directory, runBytes(network).peak - (await bytesOnDisk(directory)));
}

/** Errors: `usage` if the directory already contains a run, which is not changed. */
export function requireFree(directory: string): void {
  if (!holdsRun(directory)) return;
  throw new TexturaError(
    'usage',
    `${directory} already contains a run; add --resume to resume it, or choose another --out`,
  );
}

/**
 * The newest unfinished run of a variant in runs/, or the newest of the others if there is none. `note` gets a
 * sentence for each run that is skipped because its record cannot be read.
 */
export async function newestRun(
  variant: NetworkName,
  note: (sentence: string) => void,
): Promise<(Pick<Run, 'status' | 'startedAt'> & { readonly directory: string }) | undefined> {
  const names = await readdir(runsFolder).catch(() => []);
  const runs: { directory: string; status: Run['status']; startedAt: string }[] = [];
  for (const directory of names.map((name) => join(runsFolder, name)).filter(holdsRun)) {
    const run = await readRun(directory).catch((error: unknown) => {
      if (!(error instanceof TexturaError)) throw error;
      note(`skipped ${directory}: ${error.message}`);
    });
    if (run?.config.variant !== variant) continue;
    const { status, startedAt } = run;
    runs.push({ directory, status, startedAt });
  }
  const unfinished = runs.filter(isUnfinished);
  return (unfinished.length > 0 ? unfinished : runs).reduce<(typeof runs)[number] | undefined>(
    (newest, run) => (newest === undefined || run.startedAt > newest.startedAt ? run : newest),
    undefined,
  );
}

/**
 * The configuration of a resumed run: the stored one. Settings given on the command line must agree with it.
 * Errors: `usage`, with each setting that differs and both values.
 */
export function resumedConfig(
  stored: Run,
  requested: TrainingConfig,
  given: ReadonlySet<string>,
): TrainingConfig {
  const keys = (Object.keys(requested) as (keyof TrainingConfig)[]).filter((key) => given.has(key));
  // The data and a file of groups may have moved; the fingerprint is checked after they are read.
  const isFile = (key: keyof TrainingConfig) =>
    key === 'data' || (key === 'group' && areGroupFiles(requested.group, stored.config.group));
  const changed = keys.filter((key) => !isFile(key) && requested[key] !== stored.config[key]);
  if (changed.length > 0) {
    const list = changed
      .map(
        (key) =>
          `${flagOf(key === 'variant' ? 'network' : key)} was ${stored.config[key] ?? 'not set'}, now ${requested[key]}`,
      )
      .join('; ');
    throw new TexturaError(
      'usage',
      `--resume uses the settings of the run; omit these, or choose another --out: ${list}`,
    );
  }
  const { data, group } = requested;
  return {
    ...stored.config,
    ...(given.has('data') ? { data } : {}),
    ...(given.has('group') ? { group } : {}),
  };
}

/** Errors: `data-unusable` if the data has changed since the run began. */
export function requireSameData(stored: Run, labels: readonly string[], fingerprint: string): void {
  if (stored.data.fingerprint === fingerprint) return;
  const difference =
    stored.labels.join('\n') === labels.join('\n')
      ? 'the classes are the same, but the images, the groups or the split differ'
      : oneLine(`classes were ${stored.labels.join(', ')}, now ${labels.join(', ')}`);
  throw new TexturaError(
    'data-unusable',
    `--resume: the data has changed since the run began (${difference}); start a new run with another --out`,
  );
}
