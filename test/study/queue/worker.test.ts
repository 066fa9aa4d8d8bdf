import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Queue, QueueEvents } from 'bullmq';
import { Redis } from 'ioredis';
import { expect, test, vi } from 'vitest';
import { queueName } from '../../../study/queue/job.ts';
import { sendCheckpoints, startRunWorker } from '../../../study/queue/worker.ts';
import { redisInstalled, redisServer } from '../../support/redis-server.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test.skipIf(!redisInstalled)(
  redisInstalled
    ? 'a run of a study of another version is refused with what to do, whatever its settings are'
    : 'a run of a study of another version (skipped: there is no redis-server on this machine)',
  async () => {
    const url = await redisServer();
    const connection = new Redis(url, { maxRetriesPerRequest: null });
    const worker = await startRunWorker({
      url,
      data: undefined,
      workFolder: await temporaryFolder(),
      computing: { engine: 'onnx', device: 'cpu', threads: 1 },
      parallelRuns: 1,
      stallSeconds: 30,
      onLine: () => {},
    });
    const [queue, events] = [
      new Queue(queueName, { connection }),
      new QueueEvents(queueName, { connection: connection.duplicate() }),
    ];
    await events.waitUntilReady();
    const job = await queue.add('run', { textura: '99.0.0', settingOfThatVersion: 1 });
    expect(await job.waitUntilFinished(events)).toEqual({
      kind: 'failed',
      failure: {
        code: 'usage',
        message: expect.stringMatching(
          /the study uses Textura 99\.0\.0, this worker .* install the same version/,
        ),
      },
    });
    await worker.close();
    await events.close();
    await queue.close();
    connection.disconnect();
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
