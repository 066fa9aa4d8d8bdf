/** `npm run train` on a few small photographs, for tests of the command. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type MetricsRow, metricsFromCsv } from '../../model/metrics.ts';
import { runHere, startArguments } from './command.ts';
import { smallPhotographs } from './small-photographs.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** A quarter of its filters, because most tests train it several times. */
export const quarter = { width: 0.25, batchNorm: true };
export const setting = [
  ...['--data', 'photos', '--engine', 'onnx'],
  ...['--variant', 'lab-baseline', '--width', String(quarter.width)],
  ...['--epochs', '4', '--patches-per-epoch', '23', '--batch', '5'],
];

export const home = async () =>
  temporaryFolder(await smallPhotographs('photos', ['brick', 'knit', 'water'], 5));
export const train = (cwd: string, ...args: string[]) => runHere('training/train.ts', args, { cwd });

/** The hash of the trained values' file. */
export async function modelOf(directory: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(join(directory, 'model.safetensors')))
    .digest('hex');
}

export const startTraining = (cwd: string, ...args: string[]): ChildProcess =>
  spawn(process.execPath, [...startArguments('training/train.ts'), ...args], {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
  });

/** metrics.csv without what a clock decides. */
export async function rowsOf(directory: string): Promise<readonly Partial<MetricsRow>[]> {
  const file = join(directory, 'metrics.csv');
  const rows = metricsFromCsv(await readFile(file, 'utf8'), file);
  return rows.map(({ images_per_second: _rate, seconds: _seconds, ...row }) => row);
}

/** When the newest checkpoint was written; undefined if there is none, as between the renames of a save. */
export async function lastSave(directory: string): Promise<number | undefined> {
  return (await stat(join(directory, 'checkpoint/last.safetensors')).catch(() => undefined))?.mtimeMs;
}

/** Waits for a checkpoint that is newer than `sinceMs`. */
export async function nextSave(directory: string, sinceMs = 0): Promise<void> {
  while (((await lastSave(directory)) ?? 0) <= sinceMs) await sleep(5);
}

/** Every file of a directory with the hash of its bytes and the time of its last change. */
export async function contentOf(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return Promise.all(
    files.map(async (file) => {
      const hash = createHash('sha256').update(await readFile(file));
      return `${file} ${hash.digest('hex')} ${(await stat(file)).mtimeMs}`;
    }),
  );
}
