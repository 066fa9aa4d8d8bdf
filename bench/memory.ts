/** `npm run bench -- memory`: what the service takes of memory when it starts, under load, and after its model was replaced again and again. */
import { cp, mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { modelListSchema } from '../model/service.ts';
import { writeFileAtomically } from '../node/atomic-file.ts';
import { npmRun } from '../node/shell.ts';
import type { Terminal } from '../node/terminal.ts';
import { circumstances } from './circumstances.ts';
import { type MemoryFigures, memoryPage } from './memory-page.ts';
import { mallocSettings, ourPlan } from './serve-contenders.ts';
import { load, loadPictures } from './serve-load.ts';
import { folderOfOne } from './served-folder.ts';
import { type ServerProcess, startServer } from './server-process.ts';
import { replacedModels, settledMemory } from './service-watch.ts';

export const memoryBenchOptions = z.strictObject({
  models: z.string().min(1).default('models').describe('folder of models made by npm run export'),
  model: z.string().min(1).default('reference').describe('the model that is replaced'),
  replacements: z.int().min(1).default(8).describe('how often'),
  out: z.string().min(1).default('docs').describe('folder for bench-memory.md'),
});
type MemoryBenchOptions = z.infer<typeof memoryBenchOptions>;

const pageName = 'bench-memory.md';
const turn = { connections: 8, warmUpSeconds: 0, seconds: 3 } as const;
/** Waited for a changed file to be taken. */
const patienceMs = 60_000;

export async function benchMemory(options: MemoryBenchOptions, terminal: Terminal): Promise<void> {
  const found = await circumstances();
  const one = await folderOfOne(options.models, options.model);
  const all = await mkdtemp(join(tmpdir(), 'textura-bench-'));
  await cp(options.models, all, { recursive: true });
  const figures: MemoryFigures[] = [];
  try {
    for (const folder of [one, all]) {
      for (const env of [{}, mallocSettings]) {
        figures.push(await figuresOf(folder, env, options, terminal));
      }
    }
  } finally {
    await Promise.all([one, all].map((folder) => rm(folder, { recursive: true })));
  }
  const { models, model, replacements, out } = options;
  const size = ['--replacements', String(replacements)];
  const command = npmRun('bench', 'memory', '--models', models, '--model', model, ...size);
  const page = memoryPage({ figures, replacements, circumstances: found, command });
  await writeFileAtomically(join(out, pageName), page);
  terminal.line(`${page}\nWritten: ${join(out, pageName)}.`);
}

async function figuresOf(
  folder: string,
  env: Readonly<Record<string, string>>,
  { model, replacements }: MemoryBenchOptions,
  terminal: Terminal,
): Promise<MemoryFigures> {
  const server = await startServer({ ...ourPlan(join(folder, `${model}.onnx`)), env });
  try {
    const address = `http://127.0.0.1:${server.port}`;
    const { models } = modelListSchema.parse(await (await fetch(`${address}/models`)).json());
    const told = `${models.length} served, ${Object.keys(env).length > 0 ? 'with' : 'without'} settings`;
    terminal.status(`${told}: start and load`);
    const startedBytes = await memoryOf(server);
    await loadAll(server);
    const loadedBytes = await memoryOf(server);
    for (let done = 1; done <= replacements; done++) {
      terminal.status(`${told}: replacement ${done} of ${replacements}`);
      await replace(folder, model, address, done);
      await loadAll(server);
    }
    terminal.clear();
    const replacedBytes = await memoryOf(server);
    return { models: models.length, env, startedBytes, loadedBytes, replacedBytes };
  } finally {
    await server.end();
  }
}

async function memoryOf(server: ServerProcess): Promise<number> {
  const bytes = await settledMemory(server);
  if (bytes > 0) return bytes;
  throw new TexturaError(
    'usage',
    'expected Linux, which reports the memory of a process, got another system',
  );
}

async function loadAll({ plan, port }: ServerProcess): Promise<void> {
  for (const picture of await loadPictures()) await load(plan, port, picture, turn);
}

/** Gives the model's file a new time: to the service it is a new file. */
async function replace(folder: string, model: string, address: string, count: number): Promise<void> {
  const now = new Date();
  await utimes(join(folder, `${model}.onnx`), now, now);
  for (
    const end = performance.now() + patienceMs;
    (await replacedModels(address)) < count;
    await sleep(200)
  ) {
    if (performance.now() < end) continue;
    throw new TexturaError('internal', `${model}: expected to be replaced within ${patienceMs} ms, was not`);
  }
}
