/** The steps of an installation, which take minutes: their progress, and what their programs printed. */
import type { ProgramResult } from '../node/program.ts';

export type Print = (line: string) => void;

const heartbeatMs = 15_000;

/** Runs `work`; prints what it does, a line every 15 s while it runs, and the seconds it took. */
export async function stage<T>(print: Print, doing: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const seconds = () => ((performance.now() - start) / 1000).toFixed(1);
  print(`${doing} ...`);
  const heartbeat = setInterval(() => print(`  still running, ${seconds()} s`), heartbeatMs);
  try {
    const result = await work();
    print(`  done in ${seconds()} s`);
    return result;
  } finally {
    clearInterval(heartbeat);
  }
}

/** The end of what a program printed. */
export function lastLines({ stdout, stderr }: ProgramResult): string {
  return `${stdout}\n${stderr}`.trim().split('\n').slice(-8).join('\n');
}
