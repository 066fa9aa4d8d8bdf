/** Checks model files in a sandbox process, with limits on time and memory, before the service loads them. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { type Fault, TexturaError } from '../../model/error.ts';
import type { ModelReport } from '../../model/model-file.ts';
import type { ModelCheck } from '../../model/self-check.ts';
import { nodeArguments } from '../../node/own-module.ts';
import type { IndexedSignature } from './graph-allow-list.ts';
import type { ModelSource } from './model-folder.ts';

export interface SandboxRequest {
  readonly entry: IndexedSignature;
  readonly graphs: readonly { readonly name: string; readonly path: string; readonly sha256: string }[];
  readonly check: ModelCheck;
}

export type SandboxAnswer = { readonly passed: true } | ({ readonly passed: false } & Fault);

interface SandboxLimits {
  readonly timeoutMs: number;
  /** Of the whole process; enforced on Linux. */
  readonly memoryBytes: number;
}

const defaultSandboxLimits: SandboxLimits = { timeoutMs: 60_000, memoryBytes: 2 ** 31 };

/** Errors: `file-damaged` if the report lacks a file of the index. */
export function sandboxRequestOf(
  { entry, graphs }: ModelSource,
  report: ModelReport,
  check: ModelCheck,
): SandboxRequest {
  return {
    entry: {
      labels: entry.labels,
      input: entry.input,
      threshold: entry.threshold,
      temperatures: entry.temperatures,
    },
    check,
    graphs: graphs.map(({ kind, file }) => {
      const name = basename(file.path);
      const reported = report.graphs.find((graph) => graph.kind === kind && graph.file === name);
      if (reported === undefined)
        throw new TexturaError('file-damaged', `${entry.report}: has no entry for ${name}`);
      return { name, path: file.path, sha256: reported.sha256 };
    }),
  };
}

/** Checks models' files. */
export interface ModelFilesCheck {
  /** One request at a time. Errors: as `SandboxCheck`. */
  run(request: SandboxRequest): Promise<void>;
  close(): void;
}

/**
 * Checks one model after another in one process, and starts a new process after a crash. Close it after use.
 */
export class SandboxCheck implements ModelFilesCheck {
  readonly #limits: SandboxLimits;
  #process: SandboxProcess | undefined;

  constructor(limits: SandboxLimits = defaultSandboxLimits) {
    this.#limits = limits;
  }

  /** Starts the process now, not with the first request. */
  start(): this {
    this.#process ??= startSandbox();
    return this;
  }

  /**
   * One request at a time. Errors: those of the check; `model-unusable` if the process ended without an
   * answer.
   */
  async run(request: SandboxRequest): Promise<void> {
    requirePassed(await this.answer(request));
  }

  /** As `run`, with a failure as an answer. */
  answer(request: SandboxRequest): Promise<SandboxAnswer> {
    this.#process ??= startSandbox();
    return this.#ask(this.#process, request);
  }

  close(): void {
    this.#process?.child.kill('SIGKILL');
    this.#process = undefined;
  }

  async #ask({ child, lines }: SandboxProcess, request: SandboxRequest): Promise<SandboxAnswer> {
    let end = 'the sandbox process crashed';
    const kill = (why: string) => {
      end = why;
      child.kill('SIGKILL');
    };
    const { timeoutMs, memoryBytes } = this.#limits;
    const timer = setTimeout(() => kill(`the sandbox check took more than ${timeoutMs} ms`), timeoutMs);
    const memoryPoll = setInterval(async () => {
      if ((await residentBytes(child.pid)) > memoryBytes)
        kill(`the sandbox check took more than ${memoryBytes} bytes of memory`);
    }, 50);
    child.stdin.write(`${JSON.stringify(request)}\n`);
    try {
      const { value, done } = await lines.next();
      if (!done) return JSON.parse(value);
      this.#process = undefined;
      return { passed: false, code: 'model-unusable', message: `${request.graphs[0]?.name}: ${end}` };
    } finally {
      clearTimeout(timer);
      clearInterval(memoryPoll);
    }
  }
}

export function requirePassed(answer: SandboxAnswer): void {
  if (!answer.passed) throw new TexturaError(answer.code, answer.message);
}

interface SandboxProcess {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  readonly lines: AsyncIterator<string, undefined>;
}

function startSandbox(): SandboxProcess {
  const args = nodeArguments(new URL('./sandbox-process.ts', import.meta.url));
  const child = spawn(process.execPath, args, {
    stdio: ['pipe', 'pipe', 'ignore'],
    // In a group of its own, Ctrl-C does not end it, which would look like a crash on the model being checked.
    detached: process.platform !== 'win32',
  });
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

async function residentBytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
