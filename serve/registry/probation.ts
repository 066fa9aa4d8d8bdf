/** Model files on probation: they are tried in another process than the one that serves, with a limit on time and memory. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { TexturaError, type TexturaErrorCode } from '../../model/error.ts';
import type { ModelReport } from '../../model/model-file.ts';
import type { IndexEntry, ModelSource } from './model-folder.ts';
import type { SelfCheck } from './self-check.ts';

export interface ProbationRequest {
  readonly entry: Pick<IndexEntry, 'labels' | 'input'>;
  readonly graphs: readonly { readonly name: string; readonly path: string; readonly sha256: string }[];
  readonly check: SelfCheck;
}

export type ProbationAnswer =
  | { readonly passed: true }
  | { readonly passed: false; readonly code: TexturaErrorCode; readonly message: string };

export interface ProbationLimits {
  readonly timeoutMs: number;
  /** Of the whole process; watched on Linux. */
  readonly memoryBytes: number;
}

export const defaultProbationLimits: ProbationLimits = { timeoutMs: 60_000, memoryBytes: 2 ** 31 };

/** What a source and its report say that must hold. Errors: `file-damaged` where the report lacks a file of the index. */
export function probationOf(
  { entry, graphs }: ModelSource,
  report: ModelReport,
  check: SelfCheck,
): ProbationRequest {
  return {
    entry: { labels: entry.labels, input: entry.input },
    check,
    graphs: graphs.map(({ kind, file }) => {
      const name = basename(file.path);
      const proof = report.graphs.find((graph) => graph.kind === kind && graph.file === name);
      if (proof === undefined)
        throw new TexturaError('file-damaged', `${entry.report}: has no verification of ${name}`);
      return { name, path: file.path, sha256: proof.sha256 };
    }),
  };
}

/** A process that tries one model after another; one that does not live to answer is followed by another. Close it after use. */
export class Probation {
  readonly #limits: ProbationLimits;
  #process: TryingProcess | undefined;

  constructor(limits: ProbationLimits = defaultProbationLimits) {
    this.#limits = limits;
  }

  /** One at a time. Errors: those that the files deserve; `model-unusable` where the process ended instead of answering. */
  async pass(request: ProbationRequest): Promise<void> {
    this.#process ??= startTrying();
    const answer = await this.#ask(this.#process, request);
    if (!answer.passed) throw new TexturaError(answer.code, answer.message);
  }

  close(): void {
    this.#process?.child.kill('SIGKILL');
    this.#process = undefined;
  }

  async #ask({ child, lines }: TryingProcess, request: ProbationRequest): Promise<ProbationAnswer> {
    let end = 'it ended the process that tried it';
    const kill = (why: string) => {
      end = why;
      child.kill('SIGKILL');
    };
    const { timeoutMs, memoryBytes } = this.#limits;
    const clock = setTimeout(() => kill(`trying it took more than ${timeoutMs} ms`), timeoutMs);
    const scales = setInterval(async () => {
      if ((await residentBytes(child.pid)) > memoryBytes)
        kill(`trying it took more than ${memoryBytes} bytes of memory`);
    }, 50);
    child.stdin.write(`${encodeRequest(request)}\n`);
    try {
      const { value, done } = await lines.next();
      if (!done) return JSON.parse(value);
      this.#process = undefined;
      return { passed: false, code: 'model-unusable', message: `${request.graphs[0]?.name}: ${end}` };
    } finally {
      clearTimeout(clock);
      clearInterval(scales);
    }
  }
}

interface TryingProcess {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  readonly lines: AsyncIterator<string, undefined>;
}

function startTrying(): TryingProcess {
  const script = fileURLToPath(new URL('./probation-process.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), script], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

function encodeRequest({ check, ...request }: ProbationRequest): string {
  const patches = Buffer.from(check.patches).toString('base64');
  return JSON.stringify({
    ...request,
    check: { ...check, patches, probabilities: [...check.probabilities] },
  });
}

/** In the process: what it is asked. */
export function decodeRequest(line: string): ProbationRequest {
  const request = JSON.parse(line);
  const { patches, probabilities, tolerance } = request.check;
  const check = {
    patches: Buffer.from(patches, 'base64'),
    probabilities: Float32Array.from(probabilities),
    tolerance,
  };
  return { ...request, check };
}

async function residentBytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
