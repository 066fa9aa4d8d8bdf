import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Distributor, type Taker } from '../../../serve/processes/distributor.ts';

let server: Server;
let distributor: Distributor;
const clients: Socket[] = [];

beforeEach(async () => {
  distributor = new Distributor(3);
  server = createServer((socket) => distributor.accept(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  server.close();
});

/** What a client receives until its connection is closed. */
function connectClient(): Promise<string> {
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  clients.push(client);
  let received = '';
  client.setEncoding('utf8').on('data', (text: string) => {
    received += text;
  });
  return new Promise((resolve) => {
    client.on('error', () => {}).on('close', () => resolve(received));
  });
}

/** Answers with its name, as a process would. Its copy of the connection is the distributor's here. */
const answering = (name: string, seen: string[] = []): Taker => ({
  async take(socket) {
    seen.push(name);
    await new Promise<void>((resolve) => void socket.write(name, () => resolve()));
    return true;
  },
});

test('connections go to the processes in turn', async () => {
  const seen: string[] = [];
  for (const name of ['a', 'b', 'c']) distributor.add(answering(name, seen));
  for (let i = 0; i < 6; i++) await connectClient();
  expect(seen).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
});

test('a connection waits until there is a process, and one beyond the limit is closed', async () => {
  const waiting = [connectClient(), connectClient(), connectClient()];
  await expect
    .poll(() => new Promise((resolve) => server.getConnections((_, count) => resolve(count))))
    .toBe(3);
  expect(await connectClient()).toBe('');
  distributor.add(answering('late'));
  expect(await Promise.all(waiting)).toEqual(['late', 'late', 'late']);
});

test('the connections on their way to a process that ends go to another one', async () => {
  let end: (error: Error) => void = () => {};
  const ended = new Promise<never>((_, reject) => {
    end = reject;
  });
  const dying: Taker = { take: () => ended };
  distributor.add(dying);
  const answers = [connectClient(), connectClient()];
  await expect
    .poll(() => new Promise((resolve) => server.getConnections((_, count) => resolve(count))))
    .toBe(2);
  distributor.remove(dying);
  end(new Error('ended'));
  distributor.add(answering('other'));
  expect(await Promise.all(answers)).toEqual(['other', 'other']);
});

test('a connection that one process refuses goes to another; one that all refuse is closed', async () => {
  const full: Taker = { take: async () => false };
  const room = answering('room');
  distributor.add(full);
  distributor.add(room);
  expect(await connectClient()).toBe('room');
  expect(await connectClient()).toBe('room');
  distributor.remove(room);
  expect(await connectClient()).toBe('');
});

test('a process that confirms nothing gets sixteen connections, and the others the rest', async () => {
  let taken = 0;
  const stuck: Taker = {
    take: () => {
      taken++;
      return new Promise(() => {});
    },
  };
  distributor.add(stuck);
  for (let i = 0; i < 16; i++) void connectClient();
  await expect.poll(() => taken).toBe(16);
  distributor.add(answering('other'));
  for (let i = 0; i < 4; i++) expect(await connectClient()).toBe('other');
  expect(taken).toBe(16);
});
