/** A Python that has a peer's package: the person's own (TEXTURA_BENCH_PYTHON), else one in an environment that is made for it. */
import { fileURLToPath } from 'node:url';
import { runProgram } from '../../node/program.ts';
import { type PythonEnvironment, pythonEnvironment } from '../../node/python-environment.ts';
import { cacheFolder } from '../../training/engine/tensorflow/location.ts';

export interface PeerPackage {
  /** What people call it. */
  readonly name: string;
  /** What Python imports. */
  readonly module: string;
  /** Requirements file beside this module. */
  readonly requirements: string;
}

/** An interpreter that has the package, or why there is none. `printLine` is told before a long installation. */
export async function findInterpreter(
  peer: PeerPackage,
  printLine: (line: string) => void,
): Promise<PythonEnvironment> {
  const own = process.env.TEXTURA_BENCH_PYTHON;
  if (own && (await importFault(own, peer)) === undefined) return { python: own };
  const made = await madeInterpreter(peer, printLine);
  if ('missing' in made) return made;
  const fault = await importFault(made.python, peer);
  return fault === undefined ? made : { missing: `it does not load: ${fault}` };
}

function madeInterpreter(
  { name, module, requirements }: PeerPackage,
  printLine: (line: string) => void,
): Promise<PythonEnvironment> {
  return pythonEnvironment({
    purpose: `bench-${module}`,
    requirements: fileURLToPath(new URL(requirements, import.meta.url)),
    cache: cacheFolder(),
    withDependencies: true,
    onInstall: () => printLine(`Installing ${name} into a Python environment of its own, once (some GB) ...`),
  });
}

/** Why the package does not load; undefined where it does. */
async function importFault(python: string, { module }: PeerPackage): Promise<string | undefined> {
  const { status, stderr } = await runProgram(python, ['-c', `import ${module}`]);
  return status === 0 ? undefined : lastLine(stderr);
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) || 'it ended without a word';
}
