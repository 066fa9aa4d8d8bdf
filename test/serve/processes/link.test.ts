import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { TexturaError } from '../../../model/error.ts';
import { Link, type PrimaryRequests, type ProcessRequests } from '../../../serve/processes/link.ts';

/** Two ends of a channel that passes JSON, as that between two processes. */
function channel() {
  const ends = [new EventEmitter(), new EventEmitter()] as const;
  const endpoint = (own: EventEmitter, other: EventEmitter) =>
    Object.assign(own, {
      send(message: unknown, _socket: unknown, _options: unknown, sent: (error: Error | null) => void) {
        const copy = JSON.parse(JSON.stringify(message));
        setImmediate(() => other.emit('message', copy, undefined));
        sent(null);
        return true;
      },
    });
  return [endpoint(ends[0], ends[1]), endpoint(ends[1], ends[0])] as const;
}

const unused = () => {
  throw new Error('not asked');
};
const primaryHandlers = {
  begin: unused,
  open: unused,
  closing: unused,
  serving: unused,
  changed: unused,
  note: unused,
  check: unused,
  isServiceReady: unused,
  stopped: unused,
  serviceMetrics: () => 'metrics 1',
};
const processHandlers = { connection: unused, scan: unused, isReady: unused, metrics: unused, stop: unused };

test('each request gets its own answer, whatever the order, or the error of the other process', async () => {
  const [near, far] = channel();
  const link = new Link<PrimaryRequests, ProcessRequests>(near, processHandlers);
  let ready: (value: boolean) => void = () => {};
  const isReady = new Promise<boolean>((resolve) => {
    ready = resolve;
  });
  new Link<ProcessRequests, PrimaryRequests>(far, {
    ...primaryHandlers,
    isServiceReady: () => isReady,
    changed: () => {
      throw new TexturaError('file-damaged', 'index.json: cut');
    },
  });
  const first = link.ask('isServiceReady', null);
  expect(await link.ask('serviceMetrics', null)).toBe('metrics 1');
  await expect(link.ask('changed', null)).rejects.toMatchObject({
    code: 'file-damaged',
    message: 'index.json: cut',
  });
  ready(true);
  expect(await first).toBe(true);
});

test('requests reject when the other process ends or takes too long', async () => {
  const [near] = channel();
  const link = new Link<PrimaryRequests, ProcessRequests>(near, processHandlers);
  await expect(link.ask('serviceMetrics', null, { limitMs: 1 })).rejects.toMatchObject({
    code: 'deadline-exceeded',
  });
  const asked = link.ask('serviceMetrics', null);
  near.emit('disconnect');
  await expect(asked).rejects.toMatchObject({ code: 'interrupted' });
  await expect(link.ask('serviceMetrics', null)).rejects.toMatchObject({ code: 'interrupted' });
});
