/**
 * Installs TensorFlow's shared libraries and headers from its Python wheel. pip only downloads: fixed tags
 * select the wheel, so that the installed version of Python does not matter, and the file is pinned by hash.
 */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TexturaError } from '../../model/error.ts';
import { type ProgramResult, runProgram } from '../../node/program.ts';
import type { Flavour } from '../../training/engine/tensorflow/location.ts';
import { makeWholeFolder } from './whole-folder.ts';

interface Wheel {
  /** pip's requirements file, in this folder. */
  readonly requirements: string;
  /** Platform tags of the wheels, most specific first. */
  readonly platforms: readonly string[];
  readonly downloadMiB: number;
  /** Disk space needed during the installation. */
  readonly diskMiB: number;
}

const wheels: Readonly<Record<string, Wheel>> = {
  'linux-x64-cpu': {
    requirements: 'wheels-cpu-x64.txt',
    platforms: ['manylinux_2_27_x86_64'],
    downloadMiB: 261,
    diskMiB: 1700,
  },
  'linux-arm64-cpu': {
    requirements: 'wheels-cpu-arm64.txt',
    platforms: ['manylinux_2_27_aarch64'],
    downloadMiB: 269,
    diskMiB: 1700,
  },
  'linux-x64-cuda': {
    requirements: 'wheels-cuda-x64.txt',
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

/** pip's arguments to install `wheel` into `folder`. */
export function pipArguments(wheel: Wheel, folder: string): string[] {
  const requirements = join(dirname(fileURLToPath(import.meta.url)), wheel.requirements);
  return [
    ...['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check', '--no-cache-dir'],
    ...[
      '--no-deps',
      '--no-compile',
      '--only-binary=:all:',
      '--require-hashes',
      '--requirement',
      requirements,
    ],
    ...['--python-version', '3.12', '--implementation', 'cp', '--abi', 'cp312'],
    ...wheel.platforms.flatMap((tag) => ['--platform', tag]),
    ...['--target', folder],
  ];
}

/**
 * Downloads `wheel` and unpacks it as `folder`, which is complete or absent.
 * Errors: `engine-unavailable` with pip's last lines, `interrupted`.
 */
export async function installWheel(wheel: Wheel, folder: string): Promise<void> {
  await makeWholeFolder(folder, async (working) => {
    const unpacked = join(working, 'wheel');
    const temporary = join(working, 'temporary');
    await mkdir(temporary);
    // pip unpacks in TMPDIR and then moves; on the same disk that is a rename, and /tmp may be small.
    const env = { TMPDIR: temporary, PIP_USER: 'no', PIP_TARGET: undefined, PIP_CONSTRAINT: undefined };
    const result = await runProgram('python3', pipArguments(wheel, unpacked), { env });
    if (result.interrupted || result.status !== 0) throw pipFailure(result);
    checkLibraries(join(unpacked, 'tensorflow'));
    return unpacked;
  });
}

/** Throws if the wheel lacks a library that the binding links to. */
function checkLibraries(folder: string): void {
  for (const library of ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2']) {
    if (existsSync(join(folder, library))) continue;
    throw new TexturaError('engine-unavailable', `TensorFlow's wheel has no ${library} (in ${folder})`);
  }
}

function pipFailure(result: ProgramResult): TexturaError {
  if (result.interrupted) {
    return new TexturaError('interrupted', 'stopped while downloading; run the command again');
  }
  const tail = result.stderr.trim().split('\n').slice(-8).join('\n');
  return new TexturaError(
    'engine-unavailable',
    `pip could not download TensorFlow (python3 -m pip, exit ${result.status ?? result.signal}):\n${tail}`,
  );
}
