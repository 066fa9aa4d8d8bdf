/** A clone of the product on a machine with few packages: its modules, compiled, and only the given packages. */
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compiledCopy } from '../../node/own-module.ts';
import { type ProgramResult, runProgram } from '../../node/program.ts';

const repository = fileURLToPath(new URL('../../', import.meta.url));

export interface BareClone {
  readonly folder: string;
  /** Runs one of its scripts, such as `setup/doctor.ts`, with variables added to the environment. */
  run(
    script: string,
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
  ): Promise<ProgramResult>;
  /** Runs a module given as text, its imports relative to the clone. */
  evaluate(module: string, env?: Readonly<Record<string, string>>): Promise<ProgramResult>;
  remove(): Promise<void>;
}

const rooms = ['model', 'graph', 'textures', 'node', 'report', 'training', 'setup', 'test'];

/** Copies what setup/ imports, links `packages`, and adds tfjs-node-gpu's manifest without a binding. */
export async function makeBareClone(packages: readonly string[]): Promise<BareClone> {
  const folder = await mkdtemp(join(tmpdir(), 'textura-clone-'));
  for (const room of rooms) {
    await cp(join(repository, compiledCopy, room), join(folder, room), {
      recursive: true,
      filter: (path) => !path.endsWith('.map'),
    });
  }
  await cp(join(repository, 'package.json'), join(folder, 'package.json'));
  for (const name of packages) {
    const place = join(folder, 'node_modules', name);
    await mkdir(dirname(place), { recursive: true });
    await symlink(join(repository, 'node_modules', name), place);
  }
  const tfjs = join('node_modules', '@tensorflow', 'tfjs-node-gpu');
  for (const part of ['package.json', 'binding.gyp', 'binding']) {
    await cp(join(repository, tfjs, part), join(folder, tfjs, part), { recursive: true });
  }
  const runNode = (args: readonly string[], env: Readonly<Record<string, string>>) =>
    runProgram(process.execPath, args, { cwd: folder, env, timeoutMs: 60_000 });
  return {
    folder,
    run: (script, args, env = {}) => runNode([join(folder, script.replace(/\.ts$/, '.js')), ...args], env),
    evaluate: (module, env = {}) => runNode(['--input-type=module', '-e', module], env),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
