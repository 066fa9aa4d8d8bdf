/** Where a run lives: choosing the directory, beginning a run in it, and going on with one. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TexturaError } from '../model/error.ts';
import type { VariantName } from '../model/network.ts';
import { type Run, runFiles } from '../model/run-file.ts';
import type { TrainingConfig } from '../model/training-config.ts';
import { readRun } from '../node/run-record.ts';

export const runsFolder = 'runs';

/** A directory in runs/ for a new run: the name (a variant's, say), with the next free number where it is taken. */
export function freeRunDirectory(name: string): string {
  for (let number = 1; ; number++) {
    const directory = join(runsFolder, number === 1 ? name : `${name}-${number}`);
    if (!existsSync(directory)) return directory;
  }
}

/** Errors: `usage` where the directory already holds a run, which is left as it is. */
export function requireFree(directory: string): void {
  if (!existsSync(join(directory, runFiles.run))) return;
  throw new TexturaError(
    'usage',
    `${directory} already holds a run; add --resume to go on with it, or choose another --out`,
  );
}

/** The run of a variant in runs/ that began last and is not finished. Errors: `usage` where there is none. */
export async function newestUnfinishedRun(variant: VariantName): Promise<string> {
  const names = await readdir(runsFolder).catch(() => []);
  const directories = names
    .map((name) => join(runsFolder, name))
    .filter((path) => existsSync(join(path, runFiles.run)));
  let newest: { readonly directory: string; readonly startedAt: string } | undefined;
  for (const directory of directories) {
    const { config, status, startedAt } = await readRun(directory);
    const isCandidate = config.variant === variant && status !== 'finished';
    if (isCandidate && (newest === undefined || startedAt > newest.startedAt))
      newest = { directory, startedAt };
  }
  if (newest !== undefined) return newest.directory;
  throw new TexturaError(
    'usage',
    `--resume: no unfinished run of ${variant} in ${runsFolder}/; name it with --out`,
  );
}

/**
 * The configuration of a run that is resumed: its own. Settings that the person wrote must agree with it.
 * Errors: `usage`, naming each setting that differs and both values.
 */
export function resumedConfig(
  stored: Run,
  asked: TrainingConfig,
  given: ReadonlySet<string>,
): TrainingConfig {
  const keys = (Object.keys(asked) as (keyof TrainingConfig)[]).filter((key) => given.has(key));
  // The folder may have moved; what is in it is checked by its fingerprint.
  const changed = keys.filter((key) => key !== 'data' && asked[key] !== stored.config[key]);
  if (changed.length > 0) {
    const list = changed.map((key) => `${key} was ${stored.config[key]}, now ${asked[key]}`).join('; ');
    throw new TexturaError('usage', `--resume goes on with the settings that the run began with: ${list}`);
  }
  return given.has('data') ? { ...stored.config, data: asked.data } : stored.config;
}

/** Errors: `data-unusable` where the data is not what the run began with. */
export function requireSameData(stored: Run, labels: readonly string[], fingerprint: string): void {
  if (stored.data.fingerprint === fingerprint) return;
  const difference =
    stored.labels.join('\n') === labels.join('\n')
      ? 'the same classes, but other images or another split'
      : `classes were ${stored.labels.join(', ')}, now ${labels.join(', ')}`;
  throw new TexturaError(
    'data-unusable',
    `--resume: the data has changed since the run began (${difference}); begin a new run with another --out`,
  );
}
