/** `npm run serve` in processes of its own, and clients that put it under load. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { afterAll } from 'vitest';
import { startArguments } from './command.ts';

interface Start {
  readonly cwd: string;
  /** The whole environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** What is started, with the arguments of the command after it. */
  readonly program?: readonly [string, ...string[]];
}

/** Including those whose start took longer than a test or hook may, which only this module knows. */
const started = new Set<ChildProcess>();

afterAll(() => {
  for (const child of started) child.kill('SIGKILL');
});

/**
 * Starts the command on a free port and waits until it is ready, or has logged a record with `readyText`. It is
 * killed after the tests of the file, if it still runs.
 */
export async function startService(
  args: readonly string[],
  { cwd, env = process.env, program = [process.execPath, ...startArguments('serve/serve.ts')] }: Start,
  readyText = /^ready$/,
) {
  const [file, ...before] = program;
  const child = spawn(file, [...before, '--port', '0', ...args], { cwd, env });
  started.add(child);
  const records: Record<string, unknown>[] = [];
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const ended = new Promise<{ status: number | null; errors: string }>((resolve) => {
    child.on('close', (status) => resolve({ status, errors }));
  });
  const address = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const record = JSON.parse(line);
      records.push(record);
      if (readyText.test(record.msg))
        resolve(records.find(({ msg }) => msg === 'listening')?.address as string);
    });
    ended.then(() => reject(new Error(`ended before it was ready: ${errors}`)));
  });
  return { child, address, records, ended };
}

/**
 * Outcomes of requests that a stopping service has not accepted: the connection was refused, or closed when a
 * request was on its way on it.
 */
export const neverAccepted: readonly string[] = ['ECONNREFUSED', 'ECONNRESET', 'UND_ERR_SOCKET'];

/** Clients that classify a PNG again and again. An outcome is a status or the code of a connection's error. */
export function startLoad(address: string, picture: Uint8Array, clients: number) {
  const outcomes: string[] = [];
  const id = randomUUID();
  let isOver = false;
  let isStopping = false;
  const client = async () => {
    while (!isOver) {
      try {
        const headers = { 'Content-Type': 'image/png', 'X-Request-Id': id };
        const body = new Uint8Array(picture);
        const response = await fetch(`${address}/classify`, { method: 'POST', body, headers });
        await response.json();
        outcomes.push(String(response.status));
      } catch (error) {
        const { code } = (error as { cause: { code: string } }).cause;
        outcomes.push(code);
        if (isStopping) return;
      }
    }
  };
  const ended = Promise.all(Array.from({ length: clients }, client));
  return {
    /** The request id of every request. */
    id,
    outcomes,
    /** Each client ends after its current request. */
    end: async () => {
      isOver = true;
      await ended;
    },
    /** From now on, a client ends with the first connection that fails. */
    untilStopped: async () => {
      isStopping = true;
      await ended;
    },
  };
}
