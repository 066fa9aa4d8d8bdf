/** The machine and the code of a measurement: every page of figures ends with them. */
import { cpus, loadavg, release, type } from 'node:os';
import { fileURLToPath } from 'node:url';
import { memoryLimitBytes, usableCores } from '../node/machine.ts';
import { readTextIfReadable } from '../node/optional-file.ts';
import { runProgram } from '../node/program.ts';

export interface Environment {
  readonly processor: string;
  readonly cores: number;
  /** Vector and matrix instruction sets, which decide the kernels that run; undefined if unknown. */
  readonly instructions: readonly string[] | undefined;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
  /** Short hash, and whether the working tree had changes; undefined outside a git checkout. */
  readonly commit: string | undefined;
  /** Load average of the minute before the measurement. */
  readonly loadBefore: number;
  readonly startedAt: string;
}

export async function readEnvironment(): Promise<Environment> {
  const processorText = readTextIfReadable('/proc/cpuinfo');
  return {
    processor: `${cpus()[0]?.model.trim() ?? 'unknown'}${familyText(processorText)}`,
    cores: usableCores(),
    instructions: vectorInstructions(processorText),
    memoryBytes: memoryLimitBytes(),
    system: `${type()} ${release()}, ${process.arch}`,
    node: process.versions.node,
    commit: await currentCommit(),
    loadBefore: loadavg()[0] ?? 0,
    startedAt: new Date().toISOString(),
  };
}

/**
 * Family and model in the text of Linux's /proc/cpuinfo, as words after a name. A virtual machine's processor may
 * be called `AMD EPYC` whether it computes 512 bits at once or in two halves.
 */
export function familyText(text: string | undefined): string {
  const [, family, model] = /^cpu family\t: (\d+)\nmodel\t\t: (\d+)$/m.exec(text ?? '') ?? [];
  return family === undefined ? '' : ` (family ${family}, model ${model})`;
}

const relevantFlags = ['avx2', 'avx512f', 'avx512_vnni', 'avx512_bf16', 'amx_bf16', 'asimd', 'sve', 'bf16'];

/** The relevant instruction sets in the text of Linux's /proc/cpuinfo. */
export function vectorInstructions(text: string | undefined): readonly string[] | undefined {
  const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(text ?? '')?.[1]?.split(/\s+/);
  return flags && relevantFlags.filter((flag) => flags.includes(flag));
}

/** Whether a processor with these instructions multiplies in bfloat16; true if they are unknown. */
export function multipliesBfloat16(instructions: readonly string[] | undefined): boolean {
  return instructions?.some((name) => name.endsWith('bf16')) ?? true;
}

async function currentCommit(): Promise<string | undefined> {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const head = await runProgram('git', ['rev-parse', '--short=12', 'HEAD'], { cwd });
  if (head.status !== 0) return undefined;
  const status = await runProgram('git', ['status', '--porcelain'], { cwd });
  return `${head.stdout.trim()}${status.stdout.trim() === '' ? '' : ' with local changes'}`;
}
