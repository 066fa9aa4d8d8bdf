/**
 * `npm run bench -- soak`: the service under good, bad and hostile requests for as long as one likes, while its models are replaced again
 * and again; every good answer is checked.
 */
import { cp, mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { modelListSchema } from '../model/service.ts';
import type { Terminal } from '../node/terminal.ts';
import { Model } from '../serve/model.ts';
import { ourPlan } from './serve-contenders.ts';
import { type ServerProcess, startServer } from './server-process.ts';
import { replacedModels, settledMemory } from './service-watch.ts';
import { badVisits, goodVisits, type Outcome, visitBadly, visitHostilely, visitWell } from './soak-visits.ts';

export const soakOptions = z.strictObject({
  models: z.string().min(1).default('models').describe('folder of models made by npm run export'),
  minutes: z.number().positive().default(30).describe('length of the load'),
  clients: z
    .int()
    .min(1)
    .default(12)
    .describe('good requests at a time; a quarter as many bad and hostile ones'),
  reloadSeconds: z.number().positive().default(15).describe('time between two changes of a model'),
});
type SoakOptions = z.infer<typeof soakOptions>;

/** Memory is compared with what it was then, for until then caches fill. */
const settledMinutes = 5;
const allowedGrowth = 0.1;

interface Counts {
  good: Record<Outcome, number>;
  bad: Record<Outcome, number>;
  hostile: number;
  /** How often a model was changed in the folder. */
  changes: number;
}

/** Errors: `internal` where an answer was wrong, memory grew, or the end lost a request. */
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
  const server = await startServer(ourPlan(join(folder, 'any.onnx'), ['--log-level', 'info']));
  const address = `http://127.0.0.1:${server.port}`;
  const models = await loadedModels(address, folder);
  const good = await goodVisits(models);
  const names = models.map(({ name }) => name);
  for (const model of models) await model.close();
  const counts: Counts = { good: noOutcomes(), bad: noOutcomes(), hostile: 0, changes: 0 };
  const isOver = { value: false };
  const clients = await startClients(address, good, options.clients, counts, isOver);
  const changes = changeModels(folder, names, options.reloadSeconds, counts, isOver);
  const memory = await watchMemory(server, options.minutes, counts, terminal);
  const replaced = await replacedModels(address);
  const end = await server.end(30_000);
  isOver.value = true;
  await Promise.all([...clients, changes]);
  terminal.line(`End under load: status ${end.status}, ${end.lastLine}`);
  judge(
    { ...counts, replaced },
    memory,
    end.status === 0 && end.lastLine.includes('every accepted request was answered'),
  );
  terminal.line(
    `Every good answer was right while models were replaced ${replaced} times, memory stayed, and the end lost nothing.`,
  );
}

/** Gives the models' files a new time, one model after the other: to the service each is a new file. */
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

function noOutcomes(): Record<Outcome, number> {
  return { right: 0, wrong: 0, refused: 0, broken: 0 };
}

/** Loops that visit until it is over. A connection that breaks counts, unless the service is about to end. */
async function startClients(
  address: string,
  good: Awaited<ReturnType<typeof goodVisits>>,
  clients: number,
  counts: Counts,
  isOver: { readonly value: boolean },
): Promise<readonly Promise<void>[]> {
  const [first] = good;
  if (first === undefined) throw new TexturaError('model-not-found', 'the service has no model');
  const bad = await badVisits(first.bytes);
  const others = Math.max(1, Math.floor(clients / 4));
  const loop = async (offset: number, visit: (turn: number) => Promise<unknown>) => {
    for (let turn = offset; !isOver.value; turn += 7) {
      // While it ends, connections are refused; what it has accepted is in its own last line.
      await visit(turn).catch(() => sleep(20));
    }
  };
  const pick = <T>(list: readonly T[], turn: number) => list[turn % list.length] as T;
  return [
    ...Array.from({ length: clients }, (_, i) =>
      loop(i, async (turn) => {
        counts.good[await visitWell(address, pick(good, turn), turn)]++;
      }),
    ),
    ...Array.from({ length: others }, (_, i) =>
      loop(i, async (turn) => {
        counts.bad[await visitBadly(address, pick(bad, turn))]++;
      }),
    ),
    ...Array.from({ length: others }, (_, i) =>
      loop(i, async (turn) => {
        await visitHostilely(address, first.bytes, turn);
        counts.hostile++;
      }),
    ),
  ];
}

interface MemoryWatch {
  readonly settledBytes: number;
  readonly lastBytes: number;
}

/** Ten looks a soak, and one when memory has settled. */
async function watchMemory(
  server: ServerProcess,
  minutes: number,
  counts: Counts,
  terminal: Terminal,
): Promise<MemoryWatch> {
  const settled = Math.min(settledMinutes, minutes / 2);
  const looks = [...Array.from({ length: 10 }, (_, i) => ((i + 1) * minutes) / 10), settled].sort(
    (a, b) => a - b,
  );
  let settledBytes = 0;
  let lastBytes = 0;
  let passed = 0;
  for (const look of looks) {
    await sleep((look - passed) * 60_000);
    passed = look;
    lastBytes = await settledMemory(server);
    if (look === settled) settledBytes = lastBytes;
    terminal.line(`${look.toFixed(1)} min  ${(lastBytes / 2 ** 20).toFixed(0)} MiB  ${countsText(counts)}`);
  }
  return { settledBytes, lastBytes };
}

function countsText({ good, bad, hostile, changes }: Counts): string {
  const told = (outcomes: Record<Outcome, number>) =>
    Object.entries(outcomes)
      .filter(([, count]) => count > 0)
      .map(([outcome, count]) => `${count} ${outcome}`)
      .join(', ');
  return `good: ${told(good)}; bad: ${told(bad)}; hostile: ${hostile}; changes: ${changes}`;
}

function judge(
  { good, bad, changes, replaced }: Counts & { readonly replaced: number },
  { settledBytes, lastBytes }: MemoryWatch,
  endedWell: boolean,
): void {
  const faults = [
    good.wrong + good.broken > 0 && `${good.wrong} good answers were wrong, ${good.broken} none`,
    good.right === 0 && 'no good answer at all',
    bad.wrong > 0 && `${bad.wrong} bad requests got another status than they deserve`,
    // The last change may be under way.
    replaced < 0.8 * changes - 1 && `of ${changes} changed models ${replaced} were replaced`,
    lastBytes > settledBytes * (1 + allowedGrowth) &&
      `memory grew from ${settledBytes} to ${lastBytes} bytes`,
    !endedWell && 'the end lost accepted requests',
  ].filter(Boolean);
  if (faults.length > 0) throw new TexturaError('internal', `soak: ${faults.join('; ')}`);
}
