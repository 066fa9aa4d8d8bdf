/** A thread that does what its request says, the worst included. */
import { setTimeout as sleep } from 'node:timers/promises';
import { TexturaError } from '../../model/error.ts';
import { answerRequests } from '../../node/supervised-thread.ts';

export type FragileRequest =
  | { readonly say: string; readonly afterMs?: number }
  | 'throw'
  | 'exit'
  | 'refuse'
  | 'hang';

let answered = 0;

answerRequests(async (request: FragileRequest) => {
  if (request === 'exit') process.exit(7);
  if (request === 'refuse') throw new TexturaError('usage', 'refused by the thread');
  if (request === 'throw') {
    setImmediate(() => {
      throw new Error('thrown by the thread');
    });
  }
  if (typeof request === 'string') return new Promise<never>(() => {});
  await sleep(request.afterMs ?? 0);
  answered++;
  return { answer: `${request.say} ${answered}` };
});
