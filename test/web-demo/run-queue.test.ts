import { expect, test } from 'vitest';
import { readingLoop } from '../../web-demo/stage/reading-loop.ts';
import { runQueue } from '../../web-demo/worker/run-queue.ts';

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
    queue.add(
      lane,
      async () => {
        events.push(`${name} begins`);
        if (name === 'a') await first.opened;
        events.push(`${name} ends`);
      },
      () => events.push(`${name} gives way`),
    );
  add('a', 'live');
  add('b', 'live');
  add('load');
  add('map', 'heat');
  add('c', 'live');
  add('d', 'live');
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
  for (let i = 0; i < 5; i++) {
    queue.add(
      undefined,
      async () => {
        runs++;
      },
      () => expect.unreachable(),
    );
  }
  await settled();
  expect(runs).toBe(5);
});

test('changes during a reading are read once more, together', async () => {
  const first = gate();
  let readings = 0;
  const loop = readingLoop(async () => {
    readings++;
    if (readings === 1) await first.opened;
  });
  for (let i = 0; i < 20; i++) loop.request();
  expect(readings).toBe(1);
  first.open();
  await settled();
  expect(readings).toBe(2);
  loop.request();
  await settled();
  expect(readings).toBe(3);
});
