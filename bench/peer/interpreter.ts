/**
 * Python for benchmarks and tests: an interpreter that has a peer's package, and environments with pinned
 * packages, cached under the hash of their requirements.
 */

import { createHash } from 'node:crypto';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from '../../node/cache-folder.ts';
import { runProgram } from '../../node/program.ts';

export interface PeerPackage {
  readonly name: string;
  /** The module to import; `requirements-MODULE.txt` lists what it needs. */
  readonly module: string;
}

/**
 * The interpreter: TEXTURA_BENCH_PYTHON if it has the package, otherwise a virtual environment made for it; or
 * why there is none. Calls `printLine` before a long installation.
 */
export async function findInterpreter(
  peer: PeerPackage,
  printLine: (line: string) => void,
): Promise<PythonEnvironment> {
  const own = process.env.TEXTURA_BENCH_PYTHON;
  if (own && (await importError(own, peer)) === undefined) return { python: own };
  const made = await pythonEnvironment({
    purpose: `bench-${peer.module}`,
    requirements: fileURLToPath(new URL(`./requirements-${peer.module}.txt`, import.meta.url)),
    cache: cacheFolder(),
    withDependencies: true,
    onInstall: () => printLine(`Installing ${peer.name} into a virtual environment (once, some GB) ...`),
  });
  if ('missing' in made) return made;
  const error = await importError(made.python, peer);
  return error === undefined ? made : { missing: `it cannot be imported: ${error}` };
}

/** The last line of the error; undefined if the package can be imported. */
async function importError(python: string, { module }: PeerPackage): Promise<string | undefined> {
  const { status, stderr } = await runProgram(python, ['-c', `import ${module}`]);
  if (status === 0) return undefined;
  return stderr.trim().split('\n').at(-1) || 'python ended without an error message';
}

/** The environment's interpreter, or why it cannot be created on this machine. */
export type PythonEnvironment = { readonly python: string } | { readonly missing: string };

interface PythonEnvironmentPlan {
  /** A part of its folder's name. */
  readonly purpose: string;
  /** Path of the requirements file. */
  readonly requirements: string;
  /** Folder of the environments. */
  readonly cache: string;
  /** Whether pip installs dependencies; otherwise the requirements pin them too. */
  readonly withDependencies?: boolean;
  /** Called before an environment is created, which takes a while. */
  readonly onInstall?: () => void;
}

/**
 * The environment, created if it does not exist. If pip cannot create it, `missing` is pip's last message.
 */
export async function pythonEnvironment(plan: PythonEnvironmentPlan): Promise<PythonEnvironment> {
  const version = await runProgram('python3', ['-c', 'import ensurepip, sys, venv; print(sys.version)']);
  if (version.status !== 0) return { missing: 'there is no python3 with venv and pip' };
  const key = createHash('sha256')
    .update(await readFile(plan.requirements))
    .update(version.stdout)
    .digest('hex');
  const folder = join(plan.cache, `python-${plan.purpose}-${key.slice(0, 16)}`);
  const python = join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  const complete = join(folder, 'complete');
  const isComplete = await access(complete).then(
    () => true,
    () => false,
  );
  if (isComplete) return { python };
  plan.onInstall?.();
  const dependencies = plan.withDependencies ? [] : ['--no-deps'];
  const source = ['--only-binary=:all:', '-r', plan.requirements];
  for (const [program, ...args] of [
    ['python3', '-m', 'venv', '--clear', folder],
    [python, '-m', 'pip', 'install', '--quiet', ...dependencies, ...source],
  ] as const) {
    const { status, stdout, stderr } = await runProgram(program, args);
    if (status === 0) continue;
    const why = `${stdout}\n${stderr}`.trim().split('\n').at(-1) || `status ${status}`;
    return { missing: `its packages could not be installed: ${why}` };
  }
  await writeFile(complete, '');
  return { python };
}
