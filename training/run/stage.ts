/** Long work told in lines: what starts, that it is still going, how long it took. */
export type Print = (line: string) => void;

const heartbeatMs = 15_000;

/** Runs `work` and prints what it does, a sign of life every 15 s, and the seconds it took. */
export async function stage<T>(print: Print, doing: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const seconds = () => ((performance.now() - start) / 1000).toFixed(1);
  print(`${doing} ...`);
  const heartbeat = setInterval(() => print(`  still at it, ${seconds()} s`), heartbeatMs);
  try {
    const result = await work();
    print(`  done in ${seconds()} s`);
    return result;
  } finally {
    clearInterval(heartbeat);
  }
}
