import { expect, test } from 'vitest';
import { InferenceLane } from '../../serve/inference/inference-lane.ts';

const dyingThread = new URL('../support/dying-thread.ts', import.meta.url);

test('a thread that ends unasked fails what waits and what comes, and says so', async () => {
  const lane = new InferenceLane(dyingThread);
  const lost = { code: 'internal', message: 'the thread that computes has ended' };
  await expect(lane.run('any', new Uint8Array(1))).rejects.toMatchObject(lost);
  expect(await lane.failure).toMatchObject(lost);
  await expect(lane.run('any', new Uint8Array(1))).rejects.toMatchObject(lost);
});

test('one that is closed is no failure', async () => {
  const lane = new InferenceLane();
  await lane.close();
  expect(await Promise.race([lane.failure, 'none'])).toBe('none');
});
