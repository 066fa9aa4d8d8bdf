/** A server under measurement: a group of processes that is started, held while others are measured, and ended. */
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
  hold(): void;
  go(): void;
  /** Memory of all its processes, pages that they share counted once; undefined where the system doesn't tell. */
  memoryBytes(): Promise<number | undefined>;
  end(): Promise<void>;
}

/** Waited for a server to take connections. */
const startSeconds = 120;

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
  const ended = new Promise<void>((resolve) => {
    child.on('close', () => resolve());
    child.on('error', () => resolve());
  });
  const signal = (name: NodeJS.Signals) => signalGroup(child.pid, name);
  const server: ServerProcess = {
    plan,
    port,
    hold: () => signal('SIGSTOP'),
    go: () => signal('SIGCONT'),
    memoryBytes: () => groupMemory(child.pid),
    async end() {
      signal('SIGCONT');
      signal('SIGTERM');
      await Promise.race([ended, sleep(8000)]);
      signal('SIGKILL');
    },
  };
  const isUp = await Promise.race([ended.then(() => false), answers(plan, port)]);
  if (isUp) return server;
  await server.end();
  throw new TexturaError(
    'engine-unavailable',
    `${plan.name}: ${complaint.trim().split('\n').at(-1) || 'it did not answer'}`,
  );
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

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
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

async function groupMemory(leader: number | undefined): Promise<number | undefined> {
  const names = await readdir('/proc').catch(() => []);
  let bytes: number | undefined;
  for (const pid of names.filter((name) => /^\d+$/.test(name))) {
    const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    const group = status.slice(status.lastIndexOf(')') + 2).split(' ')[2];
    if (Number(group) !== leader) continue;
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
    bytes = (bytes ?? 0) + Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? 0) * 1024;
  }
  return bytes;
}
