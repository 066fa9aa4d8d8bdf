/**
 * A Python interpreter that has a peer's package: TEXTURA_BENCH_PYTHON if it has, otherwise a virtual
 * environment made for it.
 */
import { fileURLToPath } from 'node:url';
import { cacheFolder } from '../../node/cache-folder.ts';
import { runProgram } from '../../node/program.ts';
import { type PythonEnvironment, pythonEnvironment } from '../../node/python-environment.ts';

export interface PeerPackage {
  readonly name: string;
  /** The module to import; `requirements-MODULE.txt` lists what it needs. */
  readonly module: string;
}

/** The interpreter, or why there is none. Calls `printLine` before a long installation. */
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
