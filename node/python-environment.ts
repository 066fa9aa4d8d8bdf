/**
 * A Python environment with pinned packages for tests and benchmarks, cached under the hash of its
 * requirements.
 */
import { createHash } from 'node:crypto';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from './program.ts';

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
