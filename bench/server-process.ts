/** A server under measurement: processes that are started, held while others are measured, and ended. */
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { TexturaError } from '../model/error.ts';
import type { ServerPlan } from './serve-contenders.ts';

export interface ServerProcess {
  readonly plan: ServerPlan;
  readonly port: number;
  /** Stops its processes, so that it takes no time from the one that is measured; `go` lets them go on. */
  hold(): Promise<void>;
  go(): Promise<void>;
  /** Memory of all its processes, pages that they share counted once; undefined where the system doesn't tell. */
  memoryBytes(): Promise<number | undefined>;
  /** Asks it to end and waits, at most so long before it is killed. */
  end(patienceMs?: number): Promise<ServerEnd>;
}

export interface ServerEnd {
  /** Exit status; null where it was killed. */
  readonly status: number | null;
  /** The last that it printed. */
  readonly lastLine: string;
}

/** Waited for a server to take connections. */
const startSeconds = 120;

const running = new Set<ServerProcess>();

/** Whoever interrupts a measurement leaves no server behind, held ones least of all. */
function endAllOnSignal(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, async () => {
      await Promise.all([...running].map((server) => server.end(2000)));
      process.exit(130);
    });
  }
}

/** Starts a server and waits until it answers. Errors: `engine-unavailable` where it ends instead or never does, with its last line. */
export async function startServer(plan: ServerPlan): Promise<ServerProcess> {
  const port = await freePort();
  const args = plan.args.map((arg) => (arg === 'PORT' ? String(port) : arg));
  const env = { ...process.env, ...plan.env };
  const child = spawn(plan.program, args, {
    cwd: plan.cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let complaint = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-4000);
    });
  }
  const lastLine = () => complaint.trim().split('\n').at(-1) ?? '';
  const ended = new Promise<ServerEnd>((resolve) => {
    child.on('close', (status) => resolve({ status, lastLine: lastLine() }));
    child.on('error', (error) => resolve({ status: null, lastLine: error.message }));
  });
  const signal = (name: NodeJS.Signals) => signalTree(child.pid, name);
  const server: ServerProcess = {
    plan,
    port,
    hold: () => signal('SIGSTOP'),
    go: () => signal('SIGCONT'),
    memoryBytes: () => treeMemory(child.pid),
    async end(patienceMs = 8000) {
      running.delete(server);
      await signal('SIGCONT');
      const tree = await treeOf(child.pid);
      child.kill('SIGTERM');
      await Promise.race([ended, sleep(patienceMs)]);
      for (const pid of tree) signalProcess(pid, 'SIGKILL');
      return ended;
    },
  };
  if (running.size === 0) endAllOnSignal();
  running.add(server);
  const isUp = await Promise.race([ended.then(() => false), answers(plan, port)]);
  if (isUp) return server;
  await server.end();
  throw new TexturaError('engine-unavailable', `${plan.name}: ${lastLine() || 'it did not answer'}`);
}

/** Whether it comes to answer: ours says when it is ready, of the others any answer counts. */
async function answers({ isOurs }: ServerPlan, port: number): Promise<boolean> {
  const address = `http://127.0.0.1:${port}${isOurs ? '/readyz' : '/docs'}`;
  for (const end = Date.now() + startSeconds * 1000; Date.now() < end; await sleep(200)) {
    const response = await fetch(address, { signal: AbortSignal.timeout(2000) }).catch(() => undefined);
    await response?.arrayBuffer();
    if (response !== undefined && (response.ok || !isOurs)) return true;
  }
  return false;
}

async function signalTree(leader: number | undefined, signal: NodeJS.Signals): Promise<void> {
  for (const pid of await treeOf(leader)) signalProcess(pid, signal);
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** A process and those that came of it; itself alone where the system doesn't tell. Servers start workers in groups of their own. */
async function treeOf(leader: number | undefined): Promise<readonly number[]> {
  if (leader === undefined) return [];
  const parents = new Map<number, number>();
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name)) continue;
    const status = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    const [, parent] = status.slice(status.lastIndexOf(')') + 2).split(' ');
    parents.set(Number(name), Number(parent));
  }
  const tree = [leader];
  for (const pid of tree) {
    for (const [child, parent] of parents) if (parent === pid) tree.push(child);
  }
  return tree;
}

async function treeMemory(leader: number | undefined): Promise<number | undefined> {
  let bytes: number | undefined;
  for (const pid of await treeOf(leader)) {
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
    const kibibytes = /^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1];
    if (kibibytes !== undefined) bytes = (bytes ?? 0) + Number(kibibytes) * 1024;
  }
  return bytes;
}
