/** `npm run bench -- memory`: memory of the service at start, under load, and after reloads of a model. */
import { cp, mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { modelListSchema } from '../model/service.ts';
import { counted } from '../model/words.ts';
import type { Terminal } from '../node/terminal.ts';
import { commandOf, modelsOption, outOption } from './bench-options.ts';
import { alignedTable, benchPage, mebibytes, type Origin, publish } from './bench-page.ts';
import { readEnvironment } from './environment.ts';
import { folderOfOne, mallocSettings, texturaPlan } from './serve-candidates.ts';
import { load, loadImages } from './serve-load.ts';
import { replacedModels, type ServerProcess, settledMemory, startServer } from './server-process.ts';

export const memoryBenchOptions = z.strictObject({
  models: modelsOption,
  model: z.string().min(1).default('texture-net').describe('the model to reload'),
  replacements: z.int().min(1).default(8).describe('number of reloads'),
  out: outOption('bench-memory.md'),
});
type MemoryBenchOptions = z.infer<typeof memoryBenchOptions>;

const turn = { connections: 8, warmUpSeconds: 0, seconds: 3 } as const;
const reloadTimeoutMs = 60_000;

export async function benchMemory(options: MemoryBenchOptions, terminal: Terminal): Promise<void> {
  const environment = await readEnvironment();
  const one = await folderOfOne(options.models, options.model);
  const all = await mkdtemp(join(tmpdir(), 'textura-bench-'));
  await cp(options.models, all, { recursive: true });
  const figures: MemoryFigures[] = [];
  try {
    for (const folder of [one, all]) {
      for (const env of [{}, mallocSettings]) {
        figures.push(await measureService(folder, env, options, terminal));
      }
    }
  } finally {
    await Promise.all([one, all].map((folder) => rm(folder, { recursive: true })));
  }
  const origin = { environment, versions: {}, command: commandOf('memory', options) };
  const page = memoryPage(figures, options.replacements, origin);
  terminal.line(page);
  await publish(options.out, { 'bench-memory.md': page }, terminal);
}

interface MemoryFigures {
  readonly models: number;
  /** Environment variables of the service. */
  readonly env: Readonly<Record<string, string>>;
  readonly startedBytes: number;
  readonly loadedBytes: number;
  readonly reloadedBytes: number;
}

async function measureService(
  folder: string,
  env: Readonly<Record<string, string>>,
  { model, replacements }: MemoryBenchOptions,
  terminal: Terminal,
): Promise<MemoryFigures> {
  const server = await startServer({ ...texturaPlan(join(folder, `${model}.onnx`)), env });
  try {
    const address = `http://127.0.0.1:${server.port}`;
    const { models } = modelListSchema.parse(await (await fetch(`${address}/models`)).json());
    const title = `${counted(models.length, 'model')}, ${environmentText(env)}`;
    terminal.status(`${title}: start and load`);
    const startedBytes = await memoryOf(server);
    await loadAll(server);
    const loadedBytes = await memoryOf(server);
    for (let done = 1; done <= replacements; done++) {
      terminal.status(`${title}: reload ${done} of ${replacements}`);
      await reload(folder, model, address, done);
      await loadAll(server);
    }
    terminal.clear();
    const reloadedBytes = await memoryOf(server);
    return { models: models.length, env, startedBytes, loadedBytes, reloadedBytes };
  } finally {
    await server.stop();
  }
}

async function memoryOf(server: ServerProcess): Promise<number> {
  const bytes = await settledMemory(server);
  if (bytes > 0) return bytes;
  throw new TexturaError('usage', 'this benchmark needs Linux: other systems do not report shared memory');
}

async function loadAll({ plan, port }: ServerProcess): Promise<void> {
  for (const image of await loadImages()) await load(plan, port, image, turn);
}

/** Touches the model's file, which makes the service load it again, and waits for that. */
async function reload(folder: string, model: string, address: string, count: number): Promise<void> {
  const now = new Date();
  await utimes(join(folder, `${model}.onnx`), now, now);
  const end = performance.now() + reloadTimeoutMs;
  while ((await replacedModels(address)) < count) {
    if (performance.now() > end) {
      throw new TexturaError(
        'internal',
        `${model}: the service did not reload it within ${reloadTimeoutMs} ms`,
      );
    }
    await sleep(200);
  }
}

/** docs/bench-memory.md. */
function memoryPage(figures: readonly MemoryFigures[], replacements: number, origin: Origin): string {
  const reloads = counted(replacements, 'reload');
  const columns = ['malloc settings', 'models', 'at start', 'under load', `after ${reloads}`];
  const rows = figures.map(({ models, env, startedBytes, loadedBytes, reloadedBytes }) => [
    environmentText(env),
    String(models),
    ...[startedBytes, loadedBytes, reloadedBytes].map(mebibytes),
  ]);
  const introduction = `# Memory of the service

Memory of \`npm run serve\`, all its processes together. Memory pages that processes share count once.

- **malloc settings**: environment variables that make glibc's malloc return freed memory to the system.
- **models**: the number of loaded models.
- **at start**: after all models were loaded, checked and warmed up.
- **under load**: after small and large images were sent over ${turn.connections} connections for ${turn.seconds} s each.
- **after ${reloads}**: one model's file was replaced that often, with the same load after each reload.

Every figure is the smallest of four readings within six seconds, because the process that checks a model
takes memory for a short time.
`;
  return benchPage(introduction, [alignedTable(columns, rows)], origin, 'memory');
}

function environmentText(env: Readonly<Record<string, string>>): string {
  const settings = Object.entries(env).map(([name, value]) => `\`${name}=${value}\``);
  return settings.length === 0 ? 'none' : settings.join(' ');
}
