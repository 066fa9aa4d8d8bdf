/** `npm run bench -- serve`: requests per second of the service, compared with Python servers. */

import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { patchBytes } from '../model/patch.ts';
import { classifyAnswerSchema } from '../model/service.ts';
import { medianOf } from '../model/statistics/descriptive.ts';
import { usableCores } from '../node/machine.ts';
import { env } from '../node/onnxruntime.ts';
import type { Terminal } from '../node/terminal.ts';
import { Model } from '../serve/model.ts';
import { commandOf, listOption, modelsOption, outOption } from './bench-options.ts';
import { publish } from './bench-page.ts';
import { readEnvironment } from './environment.ts';
import { takeSample, turnsOf } from './sample.ts';
import { folderOfOne, type ServerPlan, serverPeers, texturaPlans } from './serve-candidates.ts';
import { type LoadImage, type LoadResult, load, loadImages, uploadOf } from './serve-load.ts';
import {
  anatomySection,
  panelSection,
  type RequestAnatomy,
  type ServePanel,
  servingSpeedPage,
} from './serve-page.ts';
import { type ServerProcess, startServer } from './server-process.ts';

export const serveBenchOptions = z.strictObject({
  models: modelsOption,
  model: z.string().min(1).default('texture-net').describe('the model to serve'),
  rounds: z.int().min(1).default(5).describe('turns of each server at each load'),
  seconds: z.number().min(1).default(5).describe('length of a turn'),
  connections: z
    .string()
    .default('1,8,64')
    .describe('concurrent requests, one number or a list such as 1,64'),
  processes: z.string().default('1').describe('processes of the service, one number or a list such as 1,2'),
  alone: z.boolean().default(false).describe('measure only this service, not the Python servers'),
  out: outOption('bench-serve.md'),
});
type ServeBenchOptions = z.infer<typeof serveBenchOptions>;

const processesSchema = z.array(z.coerce.number().int().min(1).max(64));
const connectionsSchema = z.array(z.coerce.number().int().min(1).max(1000));
const noPeers = { plans: [], versions: {}, leftOut: ['the Python servers (--alone)'] };
const boundBatch = 32;
const warmUpSeconds = 1;
/** Before the first measurement, so that V8 has compiled the hot code. */
const firstLoad = { connections: 8, warmUpSeconds: 0, seconds: 8 } as const;

export async function benchServe(options: ServeBenchOptions, terminal: Terminal): Promise<void> {
  const { seconds, models, out } = options;
  const counts = listOption(
    '--connections',
    options.connections,
    connectionsSchema,
    'integers from 1 to 1000',
  );
  const processes = listOption('--processes', options.processes, processesSchema, 'integers from 1 to 64');
  const folder = await folderOfOne(models, options.model);
  const model = join(folder, `${options.model}.onnx`);
  const environment = await readEnvironment();
  const own = texturaPlans(model, processes);
  const { plans, versions, leftOut } = options.alone
    ? noPeers
    : await serverPeers(model, usableCores(), terminal.line);
  const images = await loadImages();
  const { servers, failures } = await startAll([...own, ...plans], images, terminal);
  const bound = await Model.load(throughputFile(model), { threads: usableCores() });
  const sections: string[] = [];
  try {
    const textura = servers.find(({ plan }) => plan.isTextura);
    const anatomy = textura && anatomySection(await requestAnatomy(textura, images[0] as LoadImage, seconds));
    if (anatomy !== undefined) terminal.line(`\n${anatomy}`);
    for (const image of images) {
      for (const connections of counts) {
        const panel = await measurePanel({ servers, bound, image, connections, options, terminal });
        sections.push(panelSection(panel));
        terminal.line(`\n${sections.at(-1)}`);
      }
    }
    if (anatomy !== undefined) sections.push(anatomy);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    await bound.close();
    await rm(folder, { recursive: true });
  }
  const page = servingSpeedPage(sections, seconds, {
    environment,
    versions: { 'onnxruntime-node': env.versions.node ?? 'unknown', ...versions },
    leftOut: [...leftOut, ...failures],
    command: commandOf('serve', options),
  });
  await publish(out, { 'bench-serve.md': page }, terminal);
}

function throughputFile(model: string): string {
  const path = model.replace(/\.onnx$/, '.throughput.onnx');
  return existsSync(path) ? path : model;
}

/**
 * Starts every server, checks its answers, puts it under load for a while, and pauses it. Servers that fail
 * or answer differently are left out.
 */
async function startAll(plans: readonly ServerPlan[], images: readonly LoadImage[], terminal: Terminal) {
  const servers: ServerProcess[] = [];
  const failures: string[] = [];
  let expected: string | undefined;
  for (const plan of plans) {
    terminal.status(`starting ${plan.name}`);
    let server: ServerProcess | undefined;
    try {
      server = await startServer(plan);
      const answers = await answersOf(server, images);
      expected ??= answers;
      if (answers !== expected) {
        throw new TexturaError(
          'parity-failed',
          `${plan.name}: expected the answers ${expected}, got ${answers}`,
        );
      }
      await load(plan, server.port, images[0] as LoadImage, firstLoad);
      await server.pause();
      servers.push(server);
    } catch (error) {
      await server?.stop();
      if (!(error instanceof TexturaError)) throw error;
      failures.push(error.message);
      terminal.line(`Not measured: ${error.message}`);
    }
  }
  terminal.clear();
  return { servers, failures };
}

/** The part of an answer that all servers give. */
const answerSchema = z.object({ results: classifyAnswerSchema.shape.results });

/**
 * For each image the top class, its probability to two digits and the number of patches: equal if two servers
 * do the same work.
 */
async function answersOf({ plan, port }: ServerProcess, images: readonly LoadImage[]): Promise<string> {
  const texts = images.map(async (image) => {
    const { body, headers } = uploadOf(plan, image);
    const response = await fetch(`http://127.0.0.1:${port}${plan.path}`, { method: 'POST', body, headers });
    const answer: unknown = await response.json();
    const parsed = answerSchema.safeParse(Array.isArray(answer) ? answer[0] : answer);
    const [result] = parsed.data?.results ?? [];
    const [top] = result?.predictions ?? [];
    return `${response.status} ${top?.label} ${top?.probability.toFixed(2)} of ${result?.crops}`;
  });
  return (await Promise.all(texts)).join();
}

interface PanelPlan {
  readonly servers: readonly ServerProcess[];
  readonly bound: Model;
  readonly image: LoadImage;
  readonly connections: number;
  readonly options: ServeBenchOptions;
  readonly terminal: Terminal;
}

/** Every round has a turn of each server and one of the upper bound. */
async function measurePanel({
  servers,
  bound,
  image,
  connections,
  options: { rounds, seconds },
  terminal,
}: PanelPlan): Promise<ServePanel> {
  const measured = servers.map((server) => ({
    server,
    results: [] as LoadResult[],
    memoryBytes: undefined as number | undefined,
  }));
  const bounds: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const own of turnsOf(measured, round)) {
      const { plan, port, pause, resume, memoryBytes } = own.server;
      terminal.status(`${image.name} x ${connections}, round ${round + 1} of ${rounds}: ${plan.name}`);
      await resume();
      own.results.push(await load(plan, port, image, { connections, warmUpSeconds, seconds }));
      own.memoryBytes = await memoryBytes();
      await pause();
    }
    bounds.push((await patchesPerSecond(bound, seconds)) / image.patches);
  }
  terminal.clear();
  const rows = measured.map(({ server: { plan }, results, memoryBytes }) => {
    return { name: plan.name, isTextura: plan.isTextura, results, memoryBytes };
  });
  return { image: image.name, connections, servers: rows, bounds };
}

async function patchesPerSecond(model: Model, limitSeconds: number): Promise<number> {
  const patches = new Uint8Array(boundBatch * patchBytes).map((_, i) => (i * 31) % 251);
  const plan = { warmUpSteps: 1, steps: Number.POSITIVE_INFINITY, limitSeconds };
  const { steps, seconds } = await takeSample(() => model.run(patches), plan);
  return (steps * boundBatch) / seconds;
}

/** Sends one request at a time; the service's answers contain the times of its stages. */
async function requestAnatomy(
  { plan, port, pause, resume }: ServerProcess,
  image: LoadImage,
  seconds: number,
): Promise<RequestAnatomy> {
  const answers: string[] = [];
  await resume();
  const turn = { connections: 1, warmUpSeconds, seconds };
  const { p50Ms } = await load(plan, port, image, turn, (body) => answers.push(body));
  await pause();
  const timings = answers.map((body) => classifyAnswerSchema.parse(JSON.parse(body)).timings);
  return {
    image: image.name,
    decodeMs: medianOf(timings.map(({ decodeMs }) => decodeMs)),
    queueMs: medianOf(timings.map(({ queueMs }) => queueMs)),
    inferMs: medianOf(timings.map(({ inferMs }) => inferMs)),
    totalMs: p50Ms,
  };
}
