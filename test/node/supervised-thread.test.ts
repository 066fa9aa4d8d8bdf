import { afterEach, beforeEach, expect, test } from 'vitest';
import { SupervisedThread, ThreadLost } from '../../node/supervised-thread.ts';
import type { FragileRequest } from '../support/fragile-thread.ts';

const fragileThread = new URL('../support/fragile-thread.ts', import.meta.url);
const slowStartThread = new URL('../support/slow-start-thread.ts', import.meta.url);
const dyingThread = new URL('../support/dying-thread.ts', import.meta.url);

let thread: SupervisedThread<FragileRequest, string>;

beforeEach(() => {
  thread = new SupervisedThread('a test thread', fragileThread);
});
afterEach(() => thread.close(0));

const say = (text: string, afterMs = 0) => thread.ask({ say: text, afterMs });
const nextReady = () => new Promise((resolve) => thread.events.once('ready', () => resolve('ready')));

test('requests get answers, even before the thread is ready, and an error keeps its code', async () => {
  expect(thread.isReady).toBe(false);
  expect(await say('hello')).toBe('hello 1');
  expect(thread.isReady).toBe(true);
  await expect(thread.ask('refuse')).rejects.toMatchObject({
    code: 'usage',
    message: 'refused by the thread',
  });
  expect(await say('again')).toBe('again 2');
});

test.each([
  ['throw', 'a test thread was lost: thrown by the thread'],
  ['exit', 'a test thread was lost: it ended'],
] as const)('a thread that is lost by %s fails what it had, and another answers', async (how, message) => {
  const lost: unknown[] = [];
  thread.events.on('lost', (fault) => lost.push(fault));
  await say('first');
  const outstanding = [thread.ask('hang'), thread.ask('hang'), thread.ask(how)];
  const ends = await Promise.allSettled(outstanding);
  for (const end of ends)
    expect(end).toMatchObject({ status: 'rejected', reason: { code: 'internal', message } });
  expect(ends.every((end) => end.status === 'rejected' && end.reason instanceof ThreadLost)).toBe(true);
  expect([thread.outstanding, lost.length, thread.generation]).toEqual([0, 1, 1]);
  // The count of a thread that has just begun.
  expect(await say('second')).toBe('second 1');
});

test('a replacement is ready only after its state is restored', async () => {
  const events: string[] = [];
  await say('first');
  thread.restoreBy(async () => {
    events.push(`restored by ${await say('restoring', 50)}`);
  });
  const ready = nextReady();
  await expect(thread.ask('exit')).rejects.toThrow(ThreadLost);
  expect(thread.isReady).toBe(false);
  events.push((await ready) as string);
  expect(events).toEqual(['restored by restoring 1', 'ready']);
});

test('repeated losses are tolerated as long as replacements become ready', async () => {
  for (let i = 0; i < 6; i++) {
    expect(await say('still here')).toBe('still here 1');
    await expect(thread.ask('exit')).rejects.toThrow(ThreadLost);
  }
  expect(await Promise.race([thread.failure, say('after all')])).toBe('after all 1');
});

test('a thread that never becomes ready is given up after five starts', async () => {
  const dying = new SupervisedThread<string, string>('a dying thread', dyingThread);
  let lost = 0;
  dying.events.on('lost', () => lost++);
  const first = dying.ask('anything');
  await expect(first).rejects.toThrow('a dying thread was lost: it ended');
  expect(await dying.failure).toMatchObject({
    code: 'internal',
    message: 'a dying thread was lost: it ended',
  });
  expect(lost).toBe(4);
  await expect(dying.ask('anything')).rejects.toThrow(ThreadLost);
});

test('memory that cannot be transferred rejects and leaves nothing outstanding', async () => {
  const { buffer } = new Uint8Array(8);
  await expect(thread.ask({ say: 'twice' }, [buffer, buffer])).rejects.toThrow('duplicate');
  expect(thread.outstanding).toBe(0);
});

test('closing waits for answers, and rejects requests that are not answered in time', async () => {
  await say('first');
  const answered = say('last', 100);
  await thread.close();
  expect(await answered).toBe('last 2');
  await expect(say('too late')).rejects.toThrow('a test thread is closed');
  thread = new SupervisedThread('a test thread', fragileThread);
  await say('first');
  const hanging = thread.ask('hang');
  const rejected = expect(hanging).rejects.toThrow(ThreadLost);
  await thread.close(20);
  await rejected;
  expect(await Promise.race([thread.failure, 'no failure'])).toBe('no failure');
});

// onnxruntime aborts the process if its thread ends while it is loaded.
test('a thread that is still loading its module is not ended before it has', async () => {
  const channel = new BroadcastChannel('slow start');
  const messages: unknown[] = [];
  channel.onmessage = ({ data }) => messages.push(data);
  const starting = new SupervisedThread<string, string>('a slow thread', slowStartThread);
  await starting.close();
  channel.close();
  expect(messages).toEqual(['loaded']);
});
