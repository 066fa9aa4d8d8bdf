/**
 * Checks what TensorFlow and CUDA need before anything is downloaded, and reports everything that is missing
 * with the command to install it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TexturaError } from '../model/error.ts';
import { firstLineOf, runProgram } from '../node/program.ts';

interface Needs {
  /** pip, to download the wheel. */
  readonly download: boolean;
  /** A compiler, make and Python, to build the binding. */
  readonly build: boolean;
  readonly folder: string;
  readonly diskMiB: number;
}

/** What TensorFlow's setup lacks, with the command to install it. */
export async function tensorflowLacks(needs: Needs): Promise<string[]> {
  return [
    ...(needs.download || needs.build ? await pythonLacks(needs.download) : []),
    ...(needs.build ? [...(await compilerLacks()), ...pathLacks(needs.folder)] : []),
    ...(needs.download ? [...(await diskLacks(needs)), ...systemLacks()] : []),
  ];
}

/** Errors: `engine-unavailable` with everything that `what` lacks. */
export function throwIfLacking(what: 'TensorFlow' | 'CUDA', lacks: readonly string[]): void {
  if (lacks.length === 0) return;
  throw new TexturaError(
    'engine-unavailable',
    `${what} cannot be set up here. Missing:\n${lacks.map((lack) => `  - ${lack}`).join('\n')}`,
  );
}

/** What is missing of Python and, if wheels are to be downloaded, pip. */
export async function pythonLacks(withPip: boolean): Promise<string[]> {
  if ((await firstLineOf('python3', ['--version'])) === undefined) {
    return [
      'python3 is missing (it downloads the libraries and runs node-gyp): sudo apt install python3 python3-pip',
    ];
  }
  if (!withPip || (await runProgram('python3', ['-m', 'pip', '--version'])).status === 0) return [];
  return [
    'pip is missing for python3: sudo apt install python3-pip, or python3 -m ensurepip, or dnf install python3-pip',
  ];
}

async function compilerLacks(): Promise<string[]> {
  const compiler = process.env.CXX?.split(' ')[0] || 'g++';
  const lacks: string[] = [];
  if ((await firstLineOf(compiler, ['--version'])) === undefined) {
    lacks.push(`a C++ compiler is missing (${compiler}): sudo apt install g++, or dnf install gcc-c++`);
  }
  if ((await firstLineOf('make', ['--version'])) === undefined) {
    lacks.push('make is missing: sudo apt install make, or dnf install make');
  }
  return lacks;
}

function pathLacks(folder: string): string[] {
  if (!/\s/.test(folder)) return [];
  return [`make cannot build in a path with spaces (${folder}): set TEXTURA_CACHE to another folder`];
}

export async function diskLacks({ folder, diskMiB }: Pick<Needs, 'folder' | 'diskMiB'>): Promise<string[]> {
  const freeMiB = await freeDiskMiB(folder);
  if (freeMiB >= diskMiB) return [];
  return [
    `disk: expected ${diskMiB} MiB free for ${folder}, got ${Math.floor(freeMiB)} MiB; free some, or set TEXTURA_CACHE to another folder`,
  ];
}

/** Space for this user on the disk of `folder`, which need not exist yet. */
export async function freeDiskMiB(folder: string): Promise<number> {
  if (!existsSync(folder)) return freeDiskMiB(dirname(folder));
  const { bavail, bsize } = await statfs(folder);
  return (bavail * bsize) / 2 ** 20;
}

function systemLacks(): string[] {
  const lacks: string[] = [];
  if (usesMusl()) {
    lacks.push(
      "glibc: this Node is built for musl (Alpine), but TensorFlow's wheels need glibc; use a Debian image",
    );
  }
  if (
    process.arch === 'x64' &&
    existsSync('/proc/cpuinfo') &&
    !hasAvx(readFileSync('/proc/cpuinfo', 'utf8'))
  ) {
    lacks.push('AVX: TensorFlow needs a processor with AVX, and /proc/cpuinfo does not list it');
  }
  return lacks;
}

function usesMusl(): boolean {
  const report = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return report.header.glibcVersionRuntime === undefined;
}

/** Whether the text of /proc/cpuinfo lists AVX. */
export function hasAvx(cpuinfo: string): boolean {
  return /^flags\s*:.*\bavx\b/m.test(cpuinfo);
}
