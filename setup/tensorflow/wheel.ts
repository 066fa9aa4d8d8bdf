/** Installs TensorFlow's shared libraries and headers from its Python wheel, which differs by machine. */
import { existsSync } from 'node:fs';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { TexturaError } from '../../model/error.ts';
import type { Flavour } from '../../training/engine/tensorflow/location.ts';
import { type PinnedWheels, pipInstall } from '../pip.ts';
import { makeWholeFolder } from '../whole-folder.ts';

interface Wheel extends PinnedWheels {
  readonly downloadMiB: number;
  /** Disk space needed during the installation. */
  readonly diskMiB: number;
}

const pinned = (requirements: string) => ({
  what: 'TensorFlow',
  requirements: join(import.meta.dirname, requirements),
});

const wheels: Readonly<Record<string, Wheel>> = {
  'linux-x64-cpu': {
    ...pinned('wheels-cpu-x64.txt'),
    platforms: ['manylinux_2_27_x86_64'],
    downloadMiB: 261,
    diskMiB: 1700,
  },
  'linux-arm64-cpu': {
    ...pinned('wheels-cpu-arm64.txt'),
    platforms: ['manylinux_2_27_aarch64'],
    downloadMiB: 269,
    diskMiB: 1700,
  },
  'linux-x64-cuda': {
    ...pinned('wheels-cuda-x64.txt'),
    platforms: [
      'manylinux_2_27_x86_64',
      'manylinux_2_25_x86_64',
      'manylinux2014_x86_64',
      'manylinux2010_x86_64',
    ],
    downloadMiB: 3223,
    diskMiB: 10_000,
  },
};

/** The wheel for a machine; undefined if TensorFlow publishes none of this flavour for it. */
export function wheelFor(flavour: Flavour, platform: string, arch: string): Wheel | undefined {
  return wheels[`${platform}-${arch}-${flavour}`];
}

/**
 * Downloads `wheel` and unpacks it as `folder`, which is complete or absent.
 * Errors: `engine-unavailable` with pip's last lines, `interrupted`.
 */
export async function installWheel(wheel: Wheel, folder: string): Promise<void> {
  await makeWholeFolder(folder, async (working) => {
    const unpacked = await pipInstall(wheel, working);
    checkLibraries(join(unpacked, 'tensorflow'));
    await linkSolver(unpacked);
    return unpacked;
  });
}

/**
 * Links cuSOLVER next to cuBLAS in the folder of a wheel for CUDA, if it is not. TensorFlow's library that
 * opens NVIDIA's by name searches the folders of all of them but this one, and ignores the GPU if one is
 * missing.
 */
export async function linkSolver(folder: string): Promise<void> {
  const solver = 'libcusolver.so.11';
  const place = join(folder, 'nvidia', 'cublas', 'lib');
  if (!existsSync(place) || existsSync(join(place, solver))) return;
  await symlink(join('..', '..', 'cusolver', 'lib', solver), join(place, solver));
}

/** Throws if the wheel lacks a library that the binding links to. */
function checkLibraries(folder: string): void {
  for (const library of ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2']) {
    if (existsSync(join(folder, library))) continue;
    throw new TexturaError('engine-unavailable', `TensorFlow's wheel has no ${library} (in ${folder})`);
  }
}
