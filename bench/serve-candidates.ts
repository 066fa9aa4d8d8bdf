/** The servers that `npm run bench -- serve` compares: their programs, arguments and request formats. */
import { copyFile, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TexturaError } from '../model/error.ts';
import { indexFile, modelIndexSchema } from '../model/model-file.ts';
import { nodeArguments } from '../node/own-module.ts';
import { runProgram } from '../node/program.ts';
import { findInterpreter, type PeerPackage } from './peer/interpreter.ts';

export interface ServerPlan {
  readonly name: string;
  readonly program: string;
  /** `PORT` stands for the port. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** The path that images are posted to. */
  readonly path: string;
  /** Whether the body is the image file or a form. */
  readonly upload: 'raw' | 'form';
  readonly isTextura: boolean;
}

const peerFolder = fileURLToPath(new URL('./peer', import.meta.url));

const packages = [
  { name: 'FastAPI', module: 'fastapi' },
  { name: 'LitServe', module: 'litserve' },
  { name: 'BentoML', module: 'bentoml' },
] as const satisfies readonly PeerPackage[];
type PeerModule = (typeof packages)[number]['module'];

/** Textura with each number of processes. `model` is the path of a portable ONNX file. */
export function texturaPlans(model: string, processes: readonly number[]): readonly ServerPlan[] {
  return processes.map((count) => {
    const plan = texturaPlan(model, ['--log-level', 'warn', '--processes', String(count)]);
    return count === 1 ? plan : { ...plan, name: `Textura, ${count} processes` };
  });
}

/** The peers, as far as they can be installed. */
export async function serverPeers(model: string, cores: number, printLine: (line: string) => void) {
  const plans: ServerPlan[] = [];
  const versions: Record<string, string> = {};
  const leftOut: string[] = [];
  for (const peer of packages) {
    const found = await findInterpreter(peer, printLine);
    if ('missing' in found) leftOut.push(`${peer.name}: ${found.missing}`);
    else {
      plans.push(...peerPlans(peer.module, found.python, model, cores));
      Object.assign(versions, await versionsOf(found.python, peer.module));
    }
  }
  return { plans, versions, leftOut };
}

/** What docs/service.md recommends for production: glibc returns freed memory to the system. */
export const mallocSettings = {
  MALLOC_MMAP_THRESHOLD_: '1048576',
  MALLOC_TRIM_THRESHOLD_: '1048576',
} as const;

/** `npm run serve` on the folder of `model`, with further options. */
export function texturaPlan(model: string, options: readonly string[] = ['--log-level', 'warn']): ServerPlan {
  const settings = ['--models', dirname(model), '--port', 'PORT', ...options];
  return {
    name: 'Textura',
    program: process.execPath,
    args: [...nodeArguments(new URL('../serve/serve.ts', import.meta.url)), ...settings],
    env: mallocSettings,
    cwd: process.cwd(),
    path: `/classify?model=${encodeURIComponent(basename(model, '.onnx'))}`,
    upload: 'raw',
    isTextura: true,
  };
}

/** One worker with all cores, and one worker per core, as each server's documentation recommends. */
function peerPlans(module: PeerModule, python: string, model: string, cores: number): readonly ServerPlan[] {
  const plan = (
    name: string,
    command: string,
    { workers, upload }: { readonly workers: number; readonly upload: ServerPlan['upload'] },
  ): ServerPlan => ({
    name,
    program: python,
    args: command.split(' '),
    env: {
      PEER_MODEL: model,
      PEER_THREADS: String(cores / workers),
      PEER_WORKERS: String(workers),
      DO_NOT_TRACK: '1',
      BENTOML_DO_NOT_TRACK: 'true',
    },
    cwd: peerFolder,
    path: '/classify',
    upload,
    isTextura: false,
  });
  switch (module) {
    case 'fastapi': {
      const uvicorn = '-m uvicorn fastapi_server:app --port PORT --log-level warning --no-access-log';
      const raw = { workers: 1, upload: 'raw' } as const;
      return [
        plan(`FastAPI, 1 worker of ${cores} threads`, uvicorn, raw),
        plan(`FastAPI, ${cores} workers`, `${uvicorn} --workers ${cores}`, { ...raw, workers: cores }),
      ];
    }
    case 'litserve':
      return [plan('LitServe, batches of 32', 'litserve_server.py PORT', { workers: 1, upload: 'form' })];
    case 'bentoml': {
      const serve = '-m bentoml serve bentoml_server:TextureService --port PORT --host 127.0.0.1';
      const name = `BentoML, ${cores} workers, batches of 32`;
      return [plan(name, serve, { workers: cores, upload: 'form' })];
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

/**
 * Copies one model into a new folder, so that the service loads what its peers load. The caller removes the
 * folder. Errors: `model-not-found`.
 */
export async function folderOfOne(models: string, name: string): Promise<string> {
  const text = await readFile(join(models, indexFile), 'utf8').catch(() => '{"models":[]}');
  const entry = modelIndexSchema.parse(JSON.parse(text)).models.find((model) => model.name === name);
  if (entry === undefined) {
    throw new TexturaError(
      'model-not-found',
      `${models}: no model named ${name}; create one with npm run quickstart or npm run export`,
    );
  }
  const folder = await mkdtemp(join(tmpdir(), 'textura-bench-'));
  for (const file of [entry.report, ...Object.values(entry.files)])
    await copyFile(join(models, file), join(folder, file));
  await writeFile(join(folder, indexFile), JSON.stringify({ models: [entry] }));
  return folder;
}
