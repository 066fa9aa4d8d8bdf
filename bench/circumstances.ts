/** On what, and on which code, something was measured. */
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, type } from 'node:os';
import { fileURLToPath } from 'node:url';
import { memoryLimitBytes, usableCores } from '../node/machine.ts';
import { runProgram } from '../node/program.ts';

export interface Circumstances {
  readonly processor: string;
  readonly cores: number;
  /** Vector and matrix instructions that decide which kernels run; undefined where the system doesn't tell. */
  readonly instructions: readonly string[] | undefined;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
  /** Short hash, and whether files differed from it; undefined outside a git checkout. */
  readonly commit: string | undefined;
  /** Processes that wanted to run in the minute before, on average: 0 on a machine that does nothing else. */
  readonly loadBefore: number;
  readonly startedAt: string;
}

export async function circumstances(): Promise<Circumstances> {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: usableCores(),
    instructions: vectorInstructions(readOptional('/proc/cpuinfo')),
    memoryBytes: memoryLimitBytes(),
    system: `${type()} ${release()}, ${process.arch}`,
    node: process.versions.node,
    commit: await currentCommit(),
    loadBefore: loadavg()[0] ?? 0,
    startedAt: new Date().toISOString(),
  };
}

const tellingFlags = ['avx2', 'avx512f', 'avx512_vnni', 'avx512_bf16', 'amx_bf16', 'asimd', 'sve', 'bf16'];

/** Those of the instruction sets that matter here, from the text of Linux's /proc/cpuinfo. */
export function vectorInstructions(text: string | undefined): readonly string[] | undefined {
  const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(text ?? '')?.[1]?.split(/\s+/);
  return flags && tellingFlags.filter((flag) => flags.includes(flag));
}

/** Whether a processor with these instructions multiplies in bfloat16; true where they are not known. */
export function multipliesBfloat16(instructions: readonly string[] | undefined): boolean {
  return instructions?.some((name) => name.endsWith('bf16')) ?? true;
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

async function currentCommit(): Promise<string | undefined> {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const head = await runProgram('git', ['rev-parse', '--short=12', 'HEAD'], { cwd });
  if (head.status !== 0) return undefined;
  const status = await runProgram('git', ['status', '--porcelain'], { cwd });
  return `${head.stdout.trim()}${status.stdout.trim() === '' ? '' : ' with local changes'}`;
}
