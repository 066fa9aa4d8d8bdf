import { describe, expect, test } from 'vitest';
import { runQueue, superseded } from '../../web-demo/shared/run-queue.ts';

/** A run that ends when the gate opens. */
function gate() {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

const settled = () => new Promise((resolve) => setTimeout(resolve));

test('runs follow one another, and the newest waiting one with a key replaces the others', async () => {
  const queue = runQueue();
  const events: string[] = [];
  const first = gate();
  const add = (name: string, key?: string) =>
    queue
      .add(key, async () => {
        events.push(`${name} begins`);
        if (name === 'a') await first.opened;
        events.push(`${name} ends`);
      })
      .then((given) => {
        if (given === superseded) events.push(`${name} is replaced`);
      });
  void add('a', 'live');
  void add('b', 'live');
  void add('load');
  void add('map', 'heat');
  void add('c', 'live');
  void add('d', 'live');
  await settled();
  expect(events).toEqual(['a begins', 'b is replaced', 'c is replaced']);
  first.open();
  await settled();
  // The newest has the position of the one it replaced: others are not delayed.
  expect(events.slice(3)).toEqual([
    ...['a ends', 'd begins', 'd ends'],
    ...['load begins', 'load ends', 'map begins', 'map ends'],
  ]);
});

test('a run without a key is never replaced', async () => {
  const queue = runQueue();
  let runs = 0;
  const given = await Promise.all([1, 2, 3, 4, 5].map(() => queue.add(undefined, async () => ++runs)));
  expect(given).toEqual([1, 2, 3, 4, 5]);
});

test('requests during a reading become one further reading', async () => {
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
    test(`because it ${how} rejects for its caller, and the queue continues with waiting and later runs`, async () => {
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
