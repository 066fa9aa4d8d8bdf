/** A contender's side of the conversation in `contender.ts`, for those that are Node processes. */
import { createInterface } from 'node:readline';
import { type Burst, type BurstRequest, burstRequestSchema, type Greeting } from './contender.ts';

/** Greets with `versions`, then answers every request until there are no more. */
export async function answerBursts(
  versions: Greeting['versions'],
  burst: (request: BurstRequest) => Promise<Burst>,
): Promise<void> {
  answer({ versions });
  for await (const line of createInterface({ input: process.stdin })) {
    answer(await burst(burstRequestSchema.parse(JSON.parse(line))));
  }
}

function answer(message: Greeting | Burst): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
