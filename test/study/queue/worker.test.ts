import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { sendCheckpoints } from '../../../study/queue/worker.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('a checkpoint that cannot be sent is reported, and the next one is sent', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
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
