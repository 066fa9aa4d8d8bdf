/** `npm run train` on a few small photographs, for tests of the command. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runHere } from './command.ts';
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
