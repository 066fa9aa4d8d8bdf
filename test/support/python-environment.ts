/**
 * A Python environment with pinned packages, made once and kept in the cache of the user under the hash of its requirements, so that
 * a fresh clone finds it.
 */
import { createHash } from 'node:crypto';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from '../../node/program.ts';
import { cacheFolder } from '../../training/tensorflow/location.ts';

/** The environment's interpreter, or why there can't be one on this machine. */
export type PythonEnvironment = { readonly python: string } | { readonly missing: string };

/** Errors: where the packages can't be installed, with what pip said. */
export async function pythonEnvironment(requirements: string): Promise<PythonEnvironment> {
  const version = await runProgram('python3', ['-c', 'import ensurepip, sys, venv; print(sys.version)']);
  if (version.status !== 0) return { missing: 'there is no python3 with venv and pip' };
  const key = createHash('sha256')
    .update(await readFile(requirements))
    .update(version.stdout)
    .digest('hex');
  const folder = join(cacheFolder(), `python-interop-${key.slice(0, 16)}`);
  const python = join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  const complete = join(folder, 'complete');
  const isComplete = await access(complete).then(
    () => true,
    () => false,
  );
  if (isComplete) return { python };
  await succeed('python3', ['-m', 'venv', '--clear', folder]);
  await succeed(python, [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--no-deps',
    '--only-binary=:all:',
    '-r',
    requirements,
  ]);
  await writeFile(complete, '');
  return { python };
}

async function succeed(program: string, args: readonly string[]): Promise<void> {
  const { status, stdout, stderr } = await runProgram(program, args);
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: status ${status}\n${stdout}\n${stderr}`);
}
