/** A server under measurement: its processes are started, paused while others are measured, and stopped. */
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { TexturaError } from '../model/error.ts';
import type { ServerPlan } from './serve-candidates.ts';

export interface ServerProcess {
  readonly plan: ServerPlan;
  readonly port: number;
  /** Stops the processes with SIGSTOP, so that they take no CPU time from the server that is measured. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Memory of all processes, shared pages counted once; undefined if the system doesn't report it. */
  memoryBytes(): Promise<number | undefined>;
  /** Sends SIGTERM, and SIGKILL after `timeoutMs`. */
  stop(timeoutMs?: number): Promise<ServerExit>;
}

interface ServerExit {
  /** Exit status; null if a signal ended it. */
  readonly status: number | null;
  /** The last line of its output. */
  readonly lastLine: string;
}

const startTimeoutMs = 120_000;

const running = new Set<ServerProcess>();

/** An interrupted measurement leaves no server behind, paused ones included. */
function stopAllOnSignal(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, async () => {
      await Promise.all([...running].map((server) => server.stop(2000)));
      process.exit(130);
    });
  }
}

/**
 * Starts a server and waits until it is ready. Errors: `engine-unavailable` with its last line if it ends
 * instead or never answers.
 */
export async function startServer(plan: ServerPlan): Promise<ServerProcess> {
  const port = await freePort();
  const args = plan.args.map((arg) => (arg === 'PORT' ? String(port) : arg));
  const child = spawn(plan.program, args, {
    cwd: plan.cwd,
    env: { ...process.env, ...plan.env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-4000);
    });
  }
  const lastLine = () => output.trim().split('\n').at(-1) ?? '';
  const ended = new Promise<ServerExit>((resolve) => {
    child.on('close', (status) => resolve({ status, lastLine: lastLine() }));
    child.on('error', (error) => resolve({ status: null, lastLine: error.message }));
  });
  const signalAll = async (signal: NodeJS.Signals) => {
    for (const pid of await processTree(child.pid)) signalProcess(pid, signal);
  };
  const server: ServerProcess = {
    plan,
    port,
    pause: () => signalAll('SIGSTOP'),
    resume: () => signalAll('SIGCONT'),
    memoryBytes: () => treeMemory(child.pid),
    async stop(timeoutMs = 8000) {
      running.delete(server);
      await signalAll('SIGCONT');
      const tree = await processTree(child.pid);
      child.kill('SIGTERM');
      await Promise.race([ended, sleep(timeoutMs)]);
      for (const pid of tree) signalProcess(pid, 'SIGKILL');
      return ended;
    },
  };
  if (running.size === 0) stopAllOnSignal();
  running.add(server);
  const isReady = await Promise.race([ended.then(() => false), becomesReady(plan, port)]);
  if (isReady) return server;
  await server.stop();
  throw new TexturaError('engine-unavailable', `${plan.name}: ${lastLine() || 'it did not answer'}`);
}

/** Textura reports its readiness; peers are ready as soon as they answer anything. */
async function becomesReady({ isTextura }: ServerPlan, port: number): Promise<boolean> {
  const address = `http://127.0.0.1:${port}${isTextura ? '/readyz' : '/docs'}`;
  for (const end = Date.now() + startTimeoutMs; Date.now() < end; await sleep(200)) {
    const response = await fetch(address, { signal: AbortSignal.timeout(2000) }).catch(() => undefined);
    await response?.arrayBuffer();
    if (response !== undefined && (response.ok || !isTextura)) return true;
  }
  return false;
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** A port of this machine that nothing uses. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/**
 * A process and its descendants; without /proc only itself. Process groups don't do: servers start workers in
 * groups of their own.
 */
async function processTree(root: number | undefined): Promise<readonly number[]> {
  if (root === undefined) return [];
  const parents = new Map<number, number>();
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name)) continue;
    const status = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    const [, parent] = status.slice(status.lastIndexOf(')') + 2).split(' ');
    parents.set(Number(name), Number(parent));
  }
  const tree = [root];
  for (const pid of tree) {
    for (const [child, parent] of parents) if (parent === pid) tree.push(child);
  }
  return tree;
}

async function treeMemory(root: number | undefined): Promise<number | undefined> {
  let bytes: number | undefined;
  for (const pid of await processTree(root)) {
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
    const kibibytes = /^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1];
    if (kibibytes !== undefined) bytes = (bytes ?? 0) + Number(kibibytes) * 1024;
  }
  return bytes;
}

/**
 * The smallest of four readings: a process that checks a model takes memory for a short time. 0 if the system
 * doesn't report it.
 */
export async function settledMemory(server: ServerProcess): Promise<number> {
  const readings: number[] = [];
  for (let i = 0; i < 4; i++) {
    readings.push((await server.memoryBytes()) ?? 0);
    await sleep(1500);
  }
  return Math.min(...readings);
}

/** How often the service has replaced a model. */
export async function replacedModels(address: string): Promise<number> {
  const text = await (await fetch(`${address}/metrics`)).text();
  const counts = [...text.matchAll(/^textura_model_changes_total\{.*change="replaced"\} (\d+)$/gm)];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}
