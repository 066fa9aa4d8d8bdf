/** A thread whose module takes a while to load, and says when it has. */
import { setTimeout as sleep } from 'node:timers/promises';
import { answerRequests } from '../../node/supervised-thread.ts';

await sleep(300);
const channel = new BroadcastChannel('slow start');
channel.postMessage('loaded');
channel.close();
answerRequests(async (request: string) => ({ answer: request }));
