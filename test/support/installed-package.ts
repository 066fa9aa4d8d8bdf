/**
 * The npm package as npm installs it, without a registry: its compiled code, and links to the packages that it
 * depends on, without the optional ones.
 */
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type ProgramResult, runProgram } from '../../node/program.ts';
import { compilePackage } from '../../package/build.ts';
import { repository } from '../../package/compile.ts';

export interface InstalledPackage {
  /** The folder of a person who installed it. */
  readonly folder: string;
  /** The folder of the package in it. */
  readonly own: string;
  /** The file that `npx textura` runs. */
  readonly program: string;
  /** Runs `npx textura ARGS` in the folder. */
  textura(...args: readonly string[]): Promise<ProgramResult>;
  remove(): Promise<void>;
}

export async function installPackage(): Promise<InstalledPackage> {
  const folder = await mkdtemp(join(tmpdir(), 'textura-installed-'));
  const own = join(folder, 'node_modules', 'textura');
  await mkdir(own, { recursive: true });
  await cp(join(repository, 'package.json'), join(own, 'package.json'));
  const { bin, dependencies } = JSON.parse(await readFile(join(own, 'package.json'), 'utf8')) as {
    readonly bin: { readonly textura: string };
    readonly dependencies: Readonly<Record<string, string>>;
  };
  for (const name of Object.keys(dependencies)) {
    const place = join(folder, 'node_modules', name);
    await mkdir(dirname(place), { recursive: true });
    await symlink(join(repository, 'node_modules', name), place);
  }
  await compilePackage(join(own, 'dist', 'code'));
  const program = join(own, bin.textura);
  return {
    folder,
    own,
    program,
    textura: (...args) =>
      runProgram(process.execPath, [program, ...args], {
        cwd: folder,
        env: { TEXTURA_COMPILED: undefined },
      }),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
