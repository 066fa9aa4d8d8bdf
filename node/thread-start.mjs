// A thread's first lines, in JavaScript because they load the TypeScript loader that the thread needs.
import { workerData } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
await import(workerData.module);
