/** Model files on probation: each model is tried in a process of its own, with a limit on its time and memory. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Readable } from 'node:stream';
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
        throw new TexturaError('file-damaged', `${entry.report}: has no proof of ${name}`);
      return { name, path: file.path, sha256: proof.sha256 };
    }),
  };
}

/** Errors: those that the files deserve; `model-unusable` where the process did not live to answer. */
export async function passProbation(
  request: ProbationRequest,
  limits: ProbationLimits = defaultProbationLimits,
): Promise<void> {
  const answer = await ask(request, limits);
  if (!answer.passed) throw new TexturaError(answer.code, answer.message);
}

function ask(request: ProbationRequest, limits: ProbationLimits): Promise<ProbationAnswer> {
  const script = fileURLToPath(new URL('./probation-process.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), script], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const { patches, probabilities, tolerance } = request.check;
  const check = {
    patches: Buffer.from(patches).toString('base64'),
    probabilities: [...probabilities],
    tolerance,
  };
  child.stdin.on('error', () => {}).end(JSON.stringify({ ...request, check }));
  let end = 'it ended the process that tried it';
  const kill = (why: string) => {
    end = why;
    child.kill('SIGKILL');
  };
  const clock = setTimeout(() => kill(`it took more than ${limits.timeoutMs} ms to try`), limits.timeoutMs);
  const scales = setInterval(async () => {
    if ((await residentBytes(child.pid)) > limits.memoryBytes)
      kill(`it took more than ${limits.memoryBytes} bytes of memory`);
  }, 50);
  return new Promise((resolve) => {
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    child.on('error', (error) => {
      end = error.message;
    });
    child.on('close', () => {
      clearTimeout(clock);
      clearInterval(scales);
      resolve(
        parsedAnswer(text) ?? {
          passed: false,
          code: 'model-unusable',
          message: `${request.graphs[0]?.name}: ${end}`,
        },
      );
    });
  });
}

function parsedAnswer(text: string): ProbationAnswer | undefined {
  return text.endsWith('\n') ? (JSON.parse(text) as ProbationAnswer) : undefined;
}

/** In the process: what it was asked. */
export async function readProbationRequest(stream: Readable): Promise<ProbationRequest> {
  let text = '';
  for await (const part of stream.setEncoding('utf8')) text += part;
  const request = JSON.parse(text);
  return {
    ...request,
    check: {
      ...request.check,
      patches: Buffer.from(request.check.patches, 'base64'),
      probabilities: Float32Array.from(request.check.probabilities),
    },
  };
}

async function residentBytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
