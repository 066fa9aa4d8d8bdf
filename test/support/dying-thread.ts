/** A thread that ends at the first thing it is asked for. */
import { parentPort } from 'node:worker_threads';

parentPort?.on('message', () => process.exit(1));
