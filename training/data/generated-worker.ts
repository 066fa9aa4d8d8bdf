/** A worker that draws its share of the generated dataset, sends each picture and exits. */
import { parentPort } from 'node:worker_threads';
import { threadData } from '../../node/thread.ts';
import { type DrawingShare, drawShare } from './generated.ts';

for (const picture of drawShare(threadData<DrawingShare>())) {
  parentPort?.postMessage(picture, [picture.grey.data.buffer as ArrayBuffer]);
}
