import { expect, test } from 'vitest';
import { FairQueue } from '../../serve/inference/fair-queue.ts';

const filled = (...items: readonly string[]) => {
  const queue = new FairQueue<string>();
  for (const item of items) queue.push(item.slice(0, 1), item);
  return queue;
};
const drained = (queue: FairQueue<string>) => Array.from({ length: queue.size }, () => queue.take());

test("clients take turns, and each client's order is kept", () => {
  expect(drained(filled('a1', 'a2', 'a3', 'b1', 'c1', 'c2'))).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'a3']);
});

test('a later client waits for one turn of the others, not for all their requests', () => {
  const queue = filled('a1', 'a2', 'a3', 'a4');
  expect(queue.take()).toBe('a1');
  queue.push('b', 'b1');
  expect(drained(queue)).toEqual(['a2', 'b1', 'a3', 'a4']);
});

test('an item that is not accepted keeps its position', () => {
  const queue = filled('a1', 'b1', 'a2');
  expect(queue.take((item) => item !== 'a1')).toBe('b1');
  expect(queue.take((item) => item === 'none')).toBeUndefined();
  expect(drained(queue)).toEqual(['a1', 'a2']);
});

test('an item is removed from any position, once', () => {
  const queue = filled('a1', 'a2', 'a3');
  expect([queue.remove('a', 'a2'), queue.remove('a', 'a2'), queue.remove('b', 'a1'), queue.size]).toEqual([
    true,
    false,
    false,
    2,
  ]);
  expect(drained(queue)).toEqual(['a1', 'a3']);
});

test('the newest item of the longest queue is evicted if that queue is longer than the new one', () => {
  const queue = filled('a1', 'b1', 'b2', 'b3', 'c1', 'c2');
  expect(queue.takeNewestOfLongest(1)).toBe('b3');
  expect(queue.takeNewestOfLongest(1)).toBe('b2');
  expect(queue.takeNewestOfLongest(1)).toBe('c2');
  expect(queue.takeNewestOfLongest(1)).toBeUndefined();
  expect(drained(queue)).toEqual(['a1', 'b1', 'c1']);
});
