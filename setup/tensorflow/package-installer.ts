/** The npm package's own installer, for systems that TensorFlow publishes no usable wheel for (Windows, macOS). */
import { rm } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { TexturaError } from '../../model/error.ts';
import { runProgram } from '../../node/program.ts';
import type { Flavour } from '../../training/engine/tensorflow/location.ts';
import { tfjsPackageFolder } from '../../training/engine/tensorflow/location.ts';

/** Downloads the TensorFlow of 2022 that the package names, and its binding. Errors: `engine-unavailable` with its last lines. */
export async function runPackageInstaller(flavour: Flavour): Promise<void> {
  const folder = tfjsPackageFolder();
  const programs = join(dirname(dirname(folder)), '.bin');
  const library = flavour === 'cuda' ? 'gpu' : 'cpu';
  const result = await runProgram(process.execPath, [join('scripts', 'install.js'), library, 'download'], {
    cwd: folder,
    env: { PATH: `${programs}${delimiter}${process.env.PATH ?? ''}` },
  });
  if (result.status === 0) return;
  const tail = `${result.stdout}\n${result.stderr}`.trim().split('\n').slice(-8).join('\n');
  throw new TexturaError('engine-unavailable', `the installer of @tensorflow/tfjs-node-gpu failed:\n${tail}`);
}

/** Removes what either way of installing put into the package. */
export async function removeFromPackage(): Promise<void> {
  const folder = tfjsPackageFolder();
  await rm(join(folder, 'lib'), { recursive: true, force: true });
  await rm(join(folder, 'deps'), { recursive: true, force: true });
}
