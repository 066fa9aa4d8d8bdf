/** Runs a command of the product as a person does: in a process of its own. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { nodeArguments, startable } from '../../node/own-module.ts';

export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const repository = fileURLToPath(new URL('../../', import.meta.url));

function ownModule(path: string): URL {
  return new URL(`../../${path}`, import.meta.url);
}

/** Node's arguments that start a module such as `training/train.ts` as a process. */
export function startArguments(path: string): readonly string[] {
  return nodeArguments(ownModule(path));
}

/** Options of Node with which a process sends itself SIGINT when it prints `text`, so that it comes in time. */
export function interruptedAt(text: string): readonly string[] {
  const hook = `const write = process.stdout.write.bind(process.stdout);
    process.stdout.write = (part) => {
      if (part.includes(${JSON.stringify(text)})) process.kill(process.pid, 'SIGINT');
      return write(part);
    };`;
  return ['--import', `data:text/javascript,${encodeURIComponent(hook)}`];
}

/** The address of a module such as `node/thread.ts` for an import in a script of `node --eval`. */
export function moduleAddress(path: string): string {
  const { url, execArgv } = startable(ownModule(path));
  if (execArgv.length > 0) throw new Error(`test/compile-setup.ts has not run, so Node cannot load ${path}`);
  return url.href;
}

interface CommandSettings {
  readonly cwd: string;
  /** Options of Node. */
  readonly nodeOptions?: readonly string[];
  readonly stdin?: Uint8Array;
  /** The whole environment; default: that of this process. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs a script such as `export/export.ts` in the folder `cwd`, with `stdin` as its standard input. */
export function runScript(
  script: string,
  args: readonly string[],
  { cwd, stdin = new Uint8Array(), env = process.env, nodeOptions = [] }: CommandSettings,
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...nodeOptions, ...nodeArguments(ownModule(script)), ...args], {
      cwd,
      env,
    });
    const output = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        output[stream] += text;
      });
    }
    // A command that rejects its arguments ends before it reads its input.
    child.stdin.on('error', () => {}).end(stdin);
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, ...output }));
  });
}

let runsHere = 0;
let isRunningHere = false;

/**
 * Like `runScript`, but in this process: a start costs more than a second of computing. For what a command
 * does with its arguments and files; how its process starts and ends needs `runScript`. `env` adds variables.
 */
export async function runHere(
  script: string,
  args: readonly string[],
  { cwd, env = {} }: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<CommandResult> {
  if (isRunningHere)
    throw new Error('one command at a time: they share the output and the working directory');
  isRunningHere = true;
  const { argv, exitCode } = process;
  const folder = process.cwd();
  const values = Object.keys(env).map((name) => [name, process.env[name]] as const);
  const streams = [capture(process.stdout), capture(process.stderr)] as const;
  process.argv = [process.execPath, `${repository}${script}`, ...args];
  process.exitCode = undefined;
  Object.assign(process.env, env);
  process.chdir(cwd);
  try {
    // With a query the script is a new module and runs again; the modules that it imports are shared.
    runsHere += 1;
    await import(/* @vite-ignore */ `${repository}${script}?run=${runsHere}`);
    const [stdout, stderr] = streams.map(({ text }) => text());
    return { status: Number(process.exitCode ?? 0), stdout: stdout ?? '', stderr: stderr ?? '' };
  } finally {
    process.chdir(folder);
    for (const [name, value] of values) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    Object.assign(process, { argv, exitCode });
    for (const { release } of streams) release();
    isRunningHere = false;
  }
}

/** Collects what is written to a stream instead of writing it. */
function capture(stream: NodeJS.WriteStream) {
  const { write } = stream;
  const listeners = stream.listeners('error');
  let text = '';
  stream.write = (part: string | Uint8Array) => {
    text += typeof part === 'string' ? part : Buffer.from(part).toString();
    return true;
  };
  return {
    text: () => text,
    release() {
      stream.write = write;
      for (const listener of stream.listeners('error') as (() => void)[])
        if (!listeners.includes(listener)) stream.off('error', listener);
    },
  };
}
