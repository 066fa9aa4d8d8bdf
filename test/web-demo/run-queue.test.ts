import { describe, expect, test } from 'vitest';
import { runQueue, superseded } from '../../web-demo/shared/run-queue.ts';

/** A run that ends when it is told to. */
function gate() {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

const settled = () => new Promise((resolve) => setTimeout(resolve));

test('runs follow one another, and in a lane the latest one that waits takes the place of the others', async () => {
  const queue = runQueue();
  const events: string[] = [];
  const first = gate();
  const add = (name: string, lane?: string) =>
    queue
      .add(lane, async () => {
        events.push(`${name} begins`);
        if (name === 'a') await first.opened;
        events.push(`${name} ends`);
      })
      .then((given) => {
        if (given === superseded) events.push(`${name} gives way`);
      });
  void add('a', 'live');
  void add('b', 'live');
  void add('load');
  void add('map', 'heat');
  void add('c', 'live');
  void add('d', 'live');
  await settled();
  expect(events).toEqual(['a begins', 'b gives way', 'c gives way']);
  first.open();
  await settled();
  // The newest of a lane stands where its lane stood: nobody is pushed back for ever.
  expect(events.slice(3)).toEqual([
    ...['a ends', 'd begins', 'd ends'],
    ...['load begins', 'load ends', 'map begins', 'map ends'],
  ]);
});

test('what never gives way is run however often it is asked for', async () => {
  const queue = runQueue();
  let runs = 0;
  const given = await Promise.all([1, 2, 3, 4, 5].map(() => queue.add(undefined, async () => ++runs)));
  expect(given).toEqual([1, 2, 3, 4, 5]);
});

test('changes during a reading are read once more, together', async () => {
  const queue = runQueue();
  const first = gate();
  let readings = 0;
  const request = () =>
    queue.add('reading', async () => {
      readings++;
      if (readings === 1) await first.opened;
    });
  for (let i = 0; i < 20; i++) void request();
  expect(readings).toBe(1);
  first.open();
  await settled();
  expect(readings).toBe(2);
  await request();
  expect(readings).toBe(3);
});

describe('a run that fails', () => {
  for (const [how, fail] of Object.entries({
    rejects: () => Promise.reject(new Error('lost')),
    throws: () => {
      throw new Error('lost');
    },
  })) {
    test(`because it ${how} tells its caller, and the queue goes on: with what waits and with what comes later`, async () => {
      const queue = runQueue();
      const events: string[] = [];
      const failing = queue.add('live', fail).catch((error: Error) => events.push(error.message));
      const waiting = queue.add('live', async () => events.push('waiting'));
      await Promise.all([failing, waiting]);
      await queue.add(undefined, async () => events.push('later'));
      expect(events.toSorted()).toEqual(['later', 'lost', 'waiting']);
    });
  }
});
