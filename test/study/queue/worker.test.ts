import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { Queue, QueueEvents } from 'bullmq';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test, vi } from 'vitest';
import { trainingConfigSchema } from '../../../model/training-config.ts';
import { productVersion } from '../../../node/product-version.ts';
import { archiveKey, queueName, type RunJob } from '../../../study/queue/job.ts';
import { receiveArchive, sendArchive } from '../../../study/queue/run-archive.ts';
import { sendCheckpoints, startRunWorker } from '../../../study/queue/worker.ts';
import type { RunEnd } from '../../../study/trainer.ts';
import { runScript } from '../../support/command.ts';
import { redisInstalled, redisServer } from '../../support/redis-server.ts';
import { smallPhotographs } from '../../support/small-photographs.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const order: RunJob = {
  ...{ textura: productVersion(), study: 'study', run: 'reference-s1', content: '' },
  config: trainingConfigSchema.parse({ data: 'missing' }),
};

/** A worker of a server of its own. `onLine` gets its sentences, `group` is its file of groups. */
async function workerWithQueue(onLine: (text: string) => void = () => {}, group?: string) {
  const url = await redisServer();
  const connection = new Redis(url, { maxRetriesPerRequest: null });
  const workFolder = await temporaryFolder();
  const worker = await startRunWorker({
    ...{ url, data: undefined, group, workFolder, parallelRuns: 1, stallSeconds: 30 },
    computing: { engine: 'onnx', device: 'cpu', threads: 1 },
    onLine,
  });
  const queue = new Queue<RunJob, RunEnd>(queueName, { connection });
  const listening = connection.duplicate();
  const events = new QueueEvents(queueName, { connection: listening });
  await events.waitUntilReady();
  onTestFinished(async () => {
    await worker.close();
    await events.close();
    await queue.close();
    for (const opened of [listening, connection]) opened.disconnect();
  });
  return { worker, connection, queue, events, workFolder };
}

test.skipIf(!redisInstalled)(
  redisInstalled
    ? 'a run that begins while the worker closes is stopped, and goes back to the queue'
    : 'a run that begins while the worker closes (skipped: there is no redis-server on this machine)',
  async () => {
    let closed: Promise<void> | undefined;
    const { worker, queue } = await workerWithQueue((text) => {
      // The last step before its process starts.
      if (text === 'reference-s1: starts') closed = worker.close();
    });
    const job = await queue.add('run', order);
    await vi.waitFor(() => expect(closed).toBeDefined(), { timeout: 10_000 });
    await closed;
    expect(await job.getState()).toBe('waiting');
  },
);

test.skipIf(!redisInstalled)(
  redisInstalled
    ? 'a run that failed comes back with its checkpoint, from which it can be resumed'
    : 'a run that failed (skipped: there is no redis-server on this machine)',
  async () => {
    const { connection, queue, events } = await workerWithQueue();
    const begun = await temporaryFolder({ 'run.json': 'damaged', 'checkpoint/last.safetensors': 'values' });
    await sendArchive(connection, archiveKey(order), begun);
    const job = await queue.add('run', order);
    expect(await job.waitUntilFinished(events)).toMatchObject({ kind: 'failed' });
    const back = join(await temporaryFolder(), 'back');
    await receiveArchive(connection, archiveKey(order), back);
    expect(await readFile(join(back, 'checkpoint/last.safetensors'), 'utf8')).toBe('values');
  },
);

test.skipIf(!redisInstalled)(
  redisInstalled
    ? 'a worker of another version returns the run to the queue, and its error names the remedy'
    : 'a run of a study of another version (skipped: there is no redis-server on this machine)',
  async () => {
    const { queue, worker } = await workerWithQueue();
    const job = await queue.add('run', { textura: '99.0.0', settingOfThatVersion: 1 } as unknown as RunJob);
    expect(await worker.refused).toMatchObject({
      code: 'usage',
      message: expect.stringMatching(
        /^the study uses Textura 99\.0\.0, this worker .* install the same version/,
      ),
    });
    await vi.waitFor(async () => expect(await job.getState()).toBe('waiting'));
    // It takes no other run either.
    const next = await queue.add('run', order);
    await sleep(500);
    expect(await next.getState()).toBe('waiting');
  },
);

/** A worker with a run that has ended, and a server on which its archive can be read and no new one written. */
async function workerWithUnsentRun() {
  const lines: string[] = [];
  const started = await workerWithQueue((text) => lines.push(text));
  const { connection, queue } = started;
  await sendArchive(connection, archiveKey(order), await temporaryFolder({ 'run.json': 'damaged' }));
  await connection.call('ACL', 'SETUSER', 'default', 'resetkeys', '~bull:*', `~${archiveKey(order)}`);
  const job = await queue.add('run', order);
  const unsent = /^reference-s1: its files are sent again until they arrive: NOPERM/;
  await vi.waitFor(() => expect(lines.at(-1)).toMatch(unsent), { timeout: 30_000 });
  return { ...started, job, lines };
}

test.skipIf(!redisInstalled)(
  redisInstalled
    ? 'a run whose results cannot be sent is kept until they can be, and then leaves nothing on the worker'
    : 'a run whose results cannot be sent (skipped: there is no redis-server on this machine)',
  async () => {
    const { connection, job, events, workFolder } = await workerWithUnsentRun();
    expect(await readdir(workFolder)).toEqual(['study-reference-s1']);
    await connection.call('ACL', 'SETUSER', 'default', 'allkeys');
    expect(await job.waitUntilFinished(events)).toMatchObject({ kind: 'failed' });
    expect(await connection.keys('textura:*')).toEqual([archiveKey(order)]);
    expect(await readdir(workFolder)).toEqual([]);
  },
);

test.skipIf(!redisInstalled)(
  redisInstalled
    ? 'a worker that ends before it could send a run keeps its files, and says where'
    : 'a worker that ends before it could send a run (skipped: there is no redis-server on this machine)',
  async () => {
    const { worker, job, lines, workFolder } = await workerWithUnsentRun();
    await worker.close();
    const kept = join(workFolder, 'study-reference-s1');
    expect(lines.at(-1)).toContain(`NOPERM`);
    expect(lines.at(-1)).toContain(`; they stay in ${kept}`);
    expect(await readdir(kept)).toContain('run.json');
    expect(await job.getState()).toBe('failed');
  },
);

test('a worker whose data folder is missing ends before it takes a run', async () => {
  const options = ['--data', 'none', '--queue', 'redis://127.0.0.1:1'];
  const result = await runScript('study/ablate-worker.ts', options, { cwd: await temporaryFolder() });
  expect(result).toMatchObject({
    status: 3,
    stderr: expect.stringMatching(
      /^ablate:worker: none: expected a folder .*, got a path that does not exist\n$/,
    ),
  });
});

test.skipIf(!redisInstalled)(
  redisInstalled
    ? 'a worker uses its own file of groups for a study that has one, and not instead of an expression'
    : 'a worker uses its own file of groups (skipped: there is no redis-server on this machine)',
  async () => {
    const data = await temporaryFolder(await smallPhotographs('.', ['brick', 'knit'], 2));
    const { queue, events } = await workerWithQueue(undefined, 'here/groups.csv');
    const endWith = async (group: string, run: string) => {
      const config = { ...order.config, data, group };
      return (await queue.add('run', { ...order, run, config })).waitUntilFinished(events);
    };
    const failure = (message: RegExp) => ({
      kind: 'failed',
      failure: { message: expect.stringMatching(message) },
    });
    expect(await endWith('there/groups.csv', 'file')).toMatchObject(failure(/^here\/groups\.csv: /));
    expect(await endWith('board', 'expression')).toMatchObject(failure(/^--group board: /));
  },
);

test('a checkpoint that cannot be sent is reported, and the next one is sent', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const directory = await temporaryFolder();
  await mkdir(join(directory, 'checkpoint'));
  const last = join(directory, 'checkpoint/last.safetensors');
  await writeFile(last, '');
  const sent: string[] = [];
  const failures: unknown[] = [];
  const full = new Error('OOM command not allowed');
  const send = vi.fn(async () => void sent.push('sent')).mockRejectedValueOnce(full);
  const sending = sendCheckpoints(directory, send, (error) => failures.push(error));
  while (failures.length === 0) {
    vi.advanceTimersByTime(1000);
    await nextTurn();
  }
  const later = new Date(Date.now() + 5000);
  await utimes(last, later, later);
  while (sent.length === 0) {
    vi.advanceTimersByTime(1000);
    await nextTurn();
  }
  await sending.stop();
  expect(failures).toEqual([full]);
  expect(sent).toEqual(['sent']);
  expect(send).toHaveBeenCalledTimes(2);
});
