/** Who takes part in `npm run bench -- serve`, and how each is started and asked. */
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../node/program.ts';
import { findInterpreter, type PeerPackage } from './peer/interpreter.ts';

/** A server as a program. `PORT` in its arguments stands for its port. */
export interface ServerPlan {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Where pictures are sent. */
  readonly path: string;
  /** Whether pictures come as they are or as a form. */
  readonly upload: 'raw' | 'form';
  readonly isOurs: boolean;
}

const repository = fileURLToPath(new URL('..', import.meta.url));
const peerFolder = fileURLToPath(new URL('./peer', import.meta.url));

const packages = {
  fastapi: { name: 'FastAPI', module: 'fastapi', requirements: 'requirements-fastapi.txt' },
  litserve: { name: 'LitServe', module: 'litserve', requirements: 'requirements-litserve.txt' },
  bentoml: { name: 'BentoML', module: 'bentoml', requirements: 'requirements-bentoml.txt' },
} as const satisfies Record<string, PeerPackage>;

export interface ServerPlans {
  readonly plans: readonly ServerPlan[];
  readonly versions: Readonly<Record<string, string>>;
  /** Why some are not there. */
  readonly leftOut: readonly string[];
}

/** Ours and the peers that this machine can have. `model` is the path of a portable ONNX file. */
export async function serverPlans(
  model: string,
  cores: number,
  printLine: (line: string) => void,
): Promise<ServerPlans> {
  const plans: ServerPlan[] = [ourPlan(model)];
  const versions: Record<string, string> = {};
  const leftOut: string[] = [];
  for (const peer of Object.values(packages)) {
    const found = await findInterpreter(peer, printLine);
    if ('missing' in found) leftOut.push(`${peer.name}, ${found.missing}`);
    else {
      plans.push(...peerPlans(peer.module, found.python, model, cores));
      Object.assign(versions, await versionsOf(found.python, peer.module));
    }
  }
  return { plans, versions, leftOut };
}

/** As docs/service.md has it for production: what glibc is told, it then gives back. */
export const mallocSettings = {
  MALLOC_MMAP_THRESHOLD_: '1048576',
  MALLOC_TRIM_THRESHOLD_: '1048576',
} as const;

/** The service, with settings added. */
export function ourPlan(model: string, more: readonly string[] = ['--log-level', 'warn']): ServerPlan {
  const loader = import.meta.resolve('tsx');
  const settings = ['--models', dirname(model), '--port', 'PORT', ...more];
  return {
    name: 'Textura',
    program: process.execPath,
    args: ['--import', loader, `${repository}serve/serve.ts`, ...settings],
    env: mallocSettings,
    cwd: process.cwd(),
    path: `/classify?model=${encodeURIComponent(basename(model, '.onnx'))}`,
    upload: 'raw',
    isOurs: true,
  };
}

/** One worker with all cores and a worker a core, as the documentation of each has it. */
function peerPlans(
  module: keyof typeof packages,
  python: string,
  model: string,
  cores: number,
): readonly ServerPlan[] {
  const plan = (
    name: string,
    args: readonly string[],
    workers: number,
    threads: number,
    upload: ServerPlan['upload'],
  ): ServerPlan => ({
    name,
    program: python,
    args,
    env: {
      PEER_MODEL: model,
      PEER_THREADS: String(threads),
      PEER_WORKERS: String(workers),
      DO_NOT_TRACK: '1',
      BENTOML_DO_NOT_TRACK: 'true',
    },
    cwd: peerFolder,
    path: '/classify',
    upload,
    isOurs: false,
  });
  switch (module) {
    case 'fastapi': {
      const uvicorn = [
        '-m',
        'uvicorn',
        'fastapi_server:app',
        '--port',
        'PORT',
        '--log-level',
        'warning',
        '--no-access-log',
      ];
      return [
        plan(`FastAPI, 1 worker of ${cores} threads`, uvicorn, 1, cores, 'raw'),
        plan(`FastAPI, ${cores} workers`, [...uvicorn, '--workers', String(cores)], cores, 1, 'raw'),
      ];
    }
    case 'litserve':
      return [plan('LitServe, batches of 32', ['litserve_server.py', 'PORT'], 1, cores, 'form')];
    case 'bentoml': {
      const serve = [
        '-m',
        'bentoml',
        'serve',
        'bentoml_server:TextureService',
        '--port',
        'PORT',
        '--host',
        '127.0.0.1',
      ];
      return [plan(`BentoML, ${cores} workers, batches of 32`, serve, cores, 1, 'form')];
    }
    default:
      throw module satisfies never;
  }
}

async function versionsOf(python: string, module: string): Promise<Record<string, string>> {
  const code = `import importlib.metadata as m; print(m.version('${module}'), m.version('onnxruntime'))`;
  const { stdout } = await runProgram(python, ['-c', code]);
  const [own = 'unknown', runtime = 'unknown'] = stdout.trim().split(' ');
  return { [module]: own, 'onnxruntime (Python)': runtime };
}
