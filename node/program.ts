/** Runs external programs (python3, a compiler, nvidia-smi) and collects their output. */
import { spawn } from 'node:child_process';
import { basename } from 'node:path';
import { TexturaError } from '../model/error.ts';
import { stopNotice } from './stop-signal.ts';

export interface ProgramResult {
  /** Exit status; null if a signal ended it or it could not be started. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface ProgramSettings {
  readonly cwd?: string;
  /** Added to this process's environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What the program does, for the message of an interruption, e.g. `downloading`. */
  readonly doing?: string;
  /** After this time the program is killed; its signal is then SIGKILL. */
  readonly timeoutMs?: number;
}

const forwardedSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const hasGroups = process.platform !== 'win32';
/** How long an interrupted program may take to end. */
const graceMs = 3000;
/** How long to read the output of an ended program whose pipes stay open. */
const drainMs = 100;

/**
 * Runs a program to its end. If it is not on the PATH, the status is null and `stderr` has the reason. While
 * it runs, Ctrl-C ends the program, by SIGKILL if it ignores SIGTERM, and not this process, so that the caller
 * can clean up. After Ctrl-C or the time limit, a process that the program started in a session of its own is
 * not waited for.
 * Errors: `interrupted`, and no others.
 */
export function runProgram(
  program: string,
  args: readonly string[],
  settings: ProgramSettings = {},
): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, ...settings.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: hasGroups,
      ...(settings.cwd === undefined ? {} : { cwd: settings.cwd }),
    });
    let isEnding = false;
    let drain: NodeJS.Timeout | undefined;
    const closePipes = () => {
      const isRunning = child.exitCode === null && child.signalCode === null;
      if (!isEnding || isRunning) return;
      drain ??= setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, drainMs);
    };
    const end = (signal: NodeJS.Signals) => {
      isEnding = true;
      endGroup(child.pid, signal);
      closePipes();
    };
    // Not spawn's own timeout, which keeps the process alive if the program could not be started.
    const killAfter = (ms: number) => setTimeout(() => end('SIGKILL'), ms);
    const limit = settings.timeoutMs === undefined ? undefined : killAfter(settings.timeoutMs);
    let grace: NodeJS.Timeout | undefined;
    const stop = () => {
      end('SIGTERM');
      grace ??= killAfter(graceMs);
    };
    for (const signal of forwardedSignals) process.on(signal, stop);
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const finish = (status: number | null, signal: NodeJS.Signals | null) => {
      clearTimeout(limit);
      clearTimeout(grace);
      clearTimeout(drain);
      for (const signal of forwardedSignals) process.off(signal, stop);
      if (grace === undefined) return resolve({ status, signal, stdout, stderr });
      const { doing = `${basename(program)} was running` } = settings;
      const notice = stopNotice() ?? `stopped while ${doing}; run the command again`;
      reject(new TexturaError('interrupted', notice));
    };
    child.on('error', (error) => {
      stderr += error.message;
      finish(null, null);
    });
    child.on('exit', closePipes);
    child.on('close', finish);
  });
}

/** Ends a program and its children: `python3` may be a shell script that waits for the real one. */
function endGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(hasGroups ? -pid : pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * The first line of a program's output, e.g. its version; undefined if it is missing or fails. Errors:
 * `interrupted`.
 */
export async function firstLineOf(program: string, args: readonly string[]): Promise<string | undefined> {
  const { status, stdout } = await runProgram(program, args, { timeoutMs: 20_000 });
  return status === 0 ? stdout.trim().split('\n')[0] : undefined;
}
