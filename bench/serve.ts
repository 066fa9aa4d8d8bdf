/** `npm run bench -- serve`: requests a second of the service, beside servers that people write in Python. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { patchBytes } from '../model/patch.ts';
import { classifyAnswerSchema } from '../model/service.ts';
import { writeFileAtomically } from '../node/atomic-file.ts';
import { usableCores } from '../node/machine.ts';
import { env } from '../node/onnxruntime.ts';
import { npmRun } from '../node/shell.ts';
import type { Terminal } from '../node/terminal.ts';
import { Model } from '../serve/model.ts';
import { circumstances } from './circumstances.ts';
import { anatomySection, type RequestAnatomy, requestAnatomy } from './serve-anatomy.ts';
import { serverPlans } from './serve-contenders.ts';
import { type LoadPicture, type LoadResult, load, loadPictures, uploadOf } from './serve-load.ts';
import { panelSection, type ServePanel, servePage } from './serve-page.ts';
import { folderOfOne } from './served-folder.ts';
import { type ServerProcess, startServer } from './server-process.ts';

export const serveBenchOptions = z.strictObject({
  models: z.string().min(1).default('models').describe('folder of models made by npm run export'),
  model: z.string().min(1).default('reference').describe('the model that answers'),
  rounds: z.int().min(1).default(5).describe('turns that each server has at each load'),
  seconds: z.number().min(1).default(5).describe('length of a turn'),
  connections: z.string().default('1,8,64').describe('requests at a time, one number or several as in 1,64'),
  out: z.string().min(1).default('docs').describe('folder for bench-serve.md'),
});
type ServeBenchOptions = z.infer<typeof serveBenchOptions>;

const connectionsSchema = z.array(z.coerce.number().int().min(1).max(1000));
const pageName = 'bench-serve.md';
const limitBatch = 32;
const warmUpSeconds = 1;
/** Before anything is measured: V8 makes code fast while it serves. */
const settling = { connections: 8, warmUpSeconds: 0, seconds: 8 } as const;

export async function benchServe(options: ServeBenchOptions, terminal: Terminal): Promise<void> {
  const counts = connectionsSchema.safeParse(options.connections.split(','));
  if (!counts.success)
    throw new TexturaError('usage', `--connections: expected numbers, got "${options.connections}"`);
  const folder = await folderOfOne(options.models, options.model);
  const model = join(folder, `${options.model}.onnx`);
  const found = await circumstances();
  const { plans, versions, leftOut } = await serverPlans(model, usableCores(), terminal.line);
  const pictures = await loadPictures();
  const { servers, failures } = await startAll(plans, pictures, terminal);
  const limit = await Model.load(throughputFile(model), { threads: usableCores() });
  const panels: ServePanel[] = [];
  let anatomy: RequestAnatomy | undefined;
  try {
    anatomy = await anatomyOf(servers, pictures, options.seconds);
    if (anatomy !== undefined) terminal.line(`\n${anatomySection(anatomy)}`);
    for (const picture of pictures) {
      for (const connections of counts.data) {
        const panel = await measurePanel({ servers, limit, picture, connections, options, terminal });
        terminal.line(`\n${panelSection(panel)}`);
        panels.push(panel);
      }
    }
  } finally {
    await Promise.all(servers.map((server) => server.end()));
    await limit.close();
    await rm(folder, { recursive: true });
  }
  const { rounds, seconds, models, connections, out } = options;
  const size = ['--rounds', String(rounds), '--seconds', String(seconds), '--connections', connections];
  const page = servePage({
    panels,
    anatomy,
    seconds,
    circumstances: found,
    versions: { 'onnxruntime-node': env.versions.node ?? 'unknown', ...versions },
    leftOut: [...leftOut, ...failures],
    command: npmRun('bench', 'serve', ...['--models', models, '--model', options.model], ...size),
  });
  await writeFileAtomically(join(out, pageName), page);
  terminal.line(`Written: ${join(out, pageName)}.`);
}

function throughputFile(model: string): string {
  const path = model.replace(/\.onnx$/, '.throughput.onnx');
  return existsSync(path) ? path : model;
}

/** Starts every server, asks each for every picture, lets it serve for a while, and holds it. Those that fail or answer something else are left out. */
async function startAll(
  plans: Awaited<ReturnType<typeof serverPlans>>['plans'],
  pictures: readonly LoadPicture[],
  terminal: Terminal,
) {
  const servers: ServerProcess[] = [];
  const failures: string[] = [];
  let expected: readonly string[] | undefined;
  for (const plan of plans) {
    terminal.status(`starting ${plan.name}`);
    try {
      const server = await startServer(plan);
      servers.push(server);
      const answers = await Promise.all(pictures.map((picture) => answerOf(server, picture)));
      expected ??= answers;
      if (answers.join() !== expected.join()) {
        throw new TexturaError(
          'parity-failed',
          `${plan.name}: expected the answers ${expected.join()}, got ${answers.join()}`,
        );
      }
      await load(plan, server.port, pictures[0] as LoadPicture, settling);
      await server.hold();
    } catch (error) {
      if (!(error instanceof TexturaError)) throw error;
      failures.push(error.message);
      terminal.line(`Left out: ${error.message}`);
      const broken = servers.findIndex((server) => server.plan === plan);
      if (broken >= 0) await servers.splice(broken, 1)[0]?.end();
    }
  }
  terminal.clear();
  return { servers, failures };
}

/** Peers answer results alone. */
const answerSchema = z.object({ results: classifyAnswerSchema.shape.results });

/** First class, its probability to two digits, and how many patches: enough to tell that a server does the same work. */
async function answerOf({ plan, port }: ServerProcess, picture: LoadPicture): Promise<string> {
  const { body, headers } = uploadOf(plan, picture);
  const response = await fetch(`http://127.0.0.1:${port}${plan.path}`, { method: 'POST', body, headers });
  const answer: unknown = await response.json();
  const parsed = answerSchema.safeParse(Array.isArray(answer) ? answer[0] : answer);
  const [result] = parsed.data?.results ?? [];
  const [first] = result?.predictions ?? [];
  return `${response.status} ${first?.label} ${first?.probability.toFixed(2)} of ${result?.crops}`;
}

interface PanelPlan {
  readonly servers: readonly ServerProcess[];
  readonly limit: Model;
  readonly picture: LoadPicture;
  readonly connections: number;
  readonly options: ServeBenchOptions;
  readonly terminal: Terminal;
}

/** Rounds in which each server has a turn, beginning with another one each time, and the limit has one. */
async function measurePanel({
  servers,
  limit,
  picture,
  connections,
  options,
  terminal,
}: PanelPlan): Promise<ServePanel> {
  const results = servers.map((): LoadResult[] => []);
  const memory = servers.map((): number | undefined => undefined);
  const limits: number[] = [];
  for (let round = 0; round < options.rounds; round++) {
    for (let turn = 0; turn < servers.length; turn++) {
      const at = (round + turn) % servers.length;
      const server = servers[at] as ServerProcess;
      terminal.status(
        `${picture.name} x ${connections}, round ${round + 1} of ${options.rounds}: ${server.plan.name}`,
      );
      await server.go();
      const turnOfLoad = { connections, warmUpSeconds, seconds: options.seconds };
      results[at]?.push(await load(server.plan, server.port, picture, turnOfLoad));
      memory[at] = await server.memoryBytes();
      await server.hold();
    }
    limits.push((await patchesPerSecond(limit, options.seconds)) / picture.patches);
  }
  terminal.clear();
  const rounds = servers.map(({ plan: { name, isOurs } }, at) => ({
    name,
    isOurs,
    results: results[at] ?? [],
    memoryBytes: memory[at],
  }));
  return { picture: picture.name, connections, servers: rounds, limits };
}

/** Of ours and the first picture. */
async function anatomyOf(
  servers: readonly ServerProcess[],
  pictures: readonly LoadPicture[],
  seconds: number,
): Promise<RequestAnatomy | undefined> {
  const ours = servers.find(({ plan }) => plan.isOurs);
  const [picture] = pictures;
  if (ours === undefined || picture === undefined) return undefined;
  return requestAnatomy(ours, picture, { warmUpSeconds, seconds });
}

async function patchesPerSecond(model: Model, seconds: number): Promise<number> {
  const patches = new Uint8Array(limitBatch * patchBytes).map((_, i) => (i * 31) % 251);
  await model.logits(patches);
  const begin = performance.now();
  let count = 0;
  while (performance.now() - begin < seconds * 1000) {
    await model.logits(patches);
    count += limitBatch;
  }
  return (count * 1000) / (performance.now() - begin);
}
