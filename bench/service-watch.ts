/** What is seen of a service from outside. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerProcess } from './server-process.ts';

/** How often the service has put a model in the place of another. */
export async function replacedModels(address: string): Promise<number> {
  const text = await (await fetch(`${address}/metrics`)).text();
  const counted = [...text.matchAll(/^textura_model_changes_total\{.*change="replaced"\} (\d+)$/gm)];
  return counted.reduce((sum, [, count]) => sum + Number(count), 0);
}

/** The least of a few looks: while a model is tried, a process of its own has it in memory as well. */
export async function settledMemory(server: ServerProcess): Promise<number> {
  const looks: number[] = [];
  for (let i = 0; i < 4; i++) {
    looks.push((await server.memoryBytes()) ?? 0);
    await sleep(1500);
  }
  return Math.min(...looks);
}
