// The entry point of worker threads with TypeScript modules. On Node 20 a thread ignores --import.
import { workerData } from 'node:worker_threads';

if (!process.features.typescript) (await import('tsx/esm/api')).register();
await import(workerData.module);
