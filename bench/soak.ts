/**
 * `npm run bench -- soak`: the service under valid, invalid and hostile requests for a long time, while its
 * models are reloaded. Every answer is checked, memory must not grow, and the service must answer every
 * accepted request before it stops.
 */
import { cp, mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { modelListSchema } from '../model/service.ts';
import { counted } from '../model/words.ts';
import type { Terminal } from '../node/terminal.ts';
import { Model } from '../serve/model.ts';
import { modelsOption } from './bench-options.ts';
import { mebibytes } from './bench-page.ts';
import { texturaPlan } from './serve-candidates.ts';
import { replacedModels, type ServerProcess, settledMemory, startServer } from './server-process.ts';
import {
  type AnswerOutcome,
  invalidRequests,
  sendHostile,
  sendInvalid,
  sendValid,
  type ValidRequest,
  validRequests,
} from './soak-scenarios.ts';

export const soakOptions = z.strictObject({
  models: modelsOption,
  minutes: z.number().positive().default(30).describe('duration of the load'),
  clients: z
    .int()
    .min(1)
    .default(12)
    .describe('concurrent valid requests; a quarter as many invalid and hostile ones are added'),
  processes: z.int().min(1).default(1).describe('processes of the service'),
  reloadSeconds: z.number().positive().default(15).describe('time between two changes of a model file'),
});
type SoakOptions = z.infer<typeof soakOptions>;

/** Memory is compared with its value at this time, when caches are full. */
const settledMinutes = 5;
const allowedGrowth = 0.1;
const stopTimeoutMs = 30_000;

interface Counts {
  readonly valid: Record<AnswerOutcome, number>;
  readonly invalid: Record<AnswerOutcome, number>;
  hostile: number;
  /** How often a model file was changed. */
  changes: number;
}

/** Errors: `internal` if an answer was wrong, memory grew, or the service lost a request when it stopped. */
export async function soak(options: SoakOptions, terminal: Terminal): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'textura-soak-'));
  await cp(options.models, folder, { recursive: true });
  try {
    await soakOn(folder, options, terminal);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function soakOn(folder: string, options: SoakOptions, terminal: Terminal): Promise<void> {
  const server = await startServer(
    texturaPlan(join(folder, 'any.onnx'), ['--log-level', 'info', '--processes', String(options.processes)]),
  );
  const address = `http://127.0.0.1:${server.port}`;
  const models = await loadedModels(address, folder);
  const valid = await validRequests(models);
  const names = models.map(({ name }) => name);
  for (const model of models) await model.close();
  const counts: Counts = { valid: noOutcomes(), invalid: noOutcomes(), hostile: 0, changes: 0 };
  const isOver = { value: false };
  const clients = await startClients(address, valid, options.clients, counts, isOver);
  const changes = changeModels(folder, names, options.reloadSeconds, counts, isOver);
  const memory = await watchMemory(server, options.minutes, counts, terminal);
  const replaced = await replacedModels(address);
  const exit = await server.stop(stopTimeoutMs);
  isOver.value = true;
  await Promise.all([...clients, changes]);
  terminal.line(`Stopped under load with status ${exit.status}: ${exit.lastLine}`);
  const lostNothing = exit.status === 0 && exit.lastLine.includes('every accepted request was answered');
  check({ ...counts, replaced }, memory, lostNothing);
  terminal.line(
    `Passed: every valid request was answered correctly during ${counted(replaced, 'reload')}, memory did not grow, and no request was lost at the stop.`,
  );
}

/** Touches the files of the models in turn, which makes the service reload them. */
async function changeModels(
  folder: string,
  names: readonly string[],
  everySeconds: number,
  counts: Counts,
  isOver: { readonly value: boolean },
): Promise<void> {
  for (let turn = 0; !isOver.value; turn++) {
    const until = performance.now() + everySeconds * 1000;
    while (!isOver.value && performance.now() < until) await sleep(200);
    const now = new Date();
    await utimes(join(folder, `${names[turn % names.length]}.onnx`), now, now);
    counts.changes++;
  }
}

async function loadedModels(address: string, folder: string): Promise<readonly Model[]> {
  const list = modelListSchema.parse(await (await fetch(`${address}/models`)).json());
  return Promise.all(list.models.map(({ name }) => Model.load(join(folder, `${name}.onnx`))));
}

function noOutcomes(): Record<AnswerOutcome, number> {
  return { correct: 0, wrong: 0, rejected: 0, failed: 0 };
}

/** Starts loops that send requests until it is over. */
async function startClients(
  address: string,
  valid: readonly ValidRequest[],
  clients: number,
  counts: Counts,
  isOver: { readonly value: boolean },
): Promise<readonly Promise<void>[]> {
  const [first] = valid;
  if (first === undefined) throw new TexturaError('model-not-found', 'the service has no model');
  const invalid = await invalidRequests(first.bytes);
  const others = Math.max(1, Math.floor(clients / 4));
  const pick = <T>(list: readonly T[], turn: number) => list[turn % list.length] as T;
  const loops = (count: number, send: (turn: number) => Promise<unknown>) =>
    Array.from({ length: count }, async (_, offset) => {
      for (let turn = offset; !isOver.value; turn += 7) {
        // A stopping service refuses connections. Its last line says whether it lost accepted requests.
        await send(turn).catch(() => sleep(20));
      }
    });
  return [
    ...loops(clients, async (turn) => {
      counts.valid[await sendValid(address, pick(valid, turn), turn)]++;
    }),
    ...loops(others, async (turn) => {
      counts.invalid[await sendInvalid(address, pick(invalid, turn))]++;
    }),
    ...loops(others, async (turn) => {
      await sendHostile(address, first.bytes, turn);
      counts.hostile++;
    }),
  ];
}

interface MemoryGrowth {
  readonly settledBytes: number;
  readonly lastBytes: number;
}

/** Ten readings over the whole time, and one when memory has settled. */
async function watchMemory(
  server: ServerProcess,
  minutes: number,
  counts: Counts,
  terminal: Terminal,
): Promise<MemoryGrowth> {
  const settled = Math.min(settledMinutes, minutes / 2);
  const times = [...Array.from({ length: 10 }, (_, i) => ((i + 1) * minutes) / 10), settled].sort(
    (a, b) => a - b,
  );
  let [settledBytes, lastBytes, passed] = [0, 0, 0];
  for (const time of times) {
    await sleep((time - passed) * 60_000);
    passed = time;
    lastBytes = await settledMemory(server);
    if (time === settled) settledBytes = lastBytes;
    terminal.line(`${time.toFixed(1)} min  ${mebibytes(lastBytes)}  ${countsText(counts)}`);
  }
  return { settledBytes, lastBytes };
}

function countsText({ valid, invalid, hostile, changes }: Counts): string {
  const text = (outcomes: Record<AnswerOutcome, number>) =>
    Object.entries(outcomes)
      .filter(([, count]) => count > 0)
      .map(([outcome, count]) => `${count} ${outcome}`)
      .join(', ');
  return `valid: ${text(valid)}; invalid: ${text(invalid)}; hostile: ${hostile}; model changes: ${changes}`;
}

function check(
  { valid, invalid, changes, replaced }: Counts & { readonly replaced: number },
  { settledBytes, lastBytes }: MemoryGrowth,
  lostNothing: boolean,
): void {
  const failures = [
    valid.wrong + valid.failed > 0 &&
      `${valid.wrong} valid requests got a wrong answer, ${valid.failed} got none`,
    valid.correct === 0 && 'no valid request was answered',
    invalid.wrong > 0 && `${invalid.wrong} invalid requests got an unexpected status`,
    // The last change may be in progress.
    replaced < 0.8 * changes - 1 && `only ${replaced} of ${changes} changed models were reloaded`,
    lastBytes > settledBytes * (1 + allowedGrowth) &&
      `memory grew from ${mebibytes(settledBytes)} to ${mebibytes(lastBytes)}`,
    !lostNothing && 'the service lost accepted requests when it stopped',
  ].filter(Boolean);
  if (failures.length > 0) throw new TexturaError('internal', `soak: ${failures.join('; ')}`);
}
