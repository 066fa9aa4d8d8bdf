/**
 * Runs in the threads of the preparation pool: decoding and cutting would block the main thread's event loop.
 */
import { ByteRoom } from '../../node/byte-room.ts';
import { decodeImage } from '../../node/image-decoder.ts';
import { answerRequests, type ThreadAnswer } from '../../node/supervised-thread.ts';
import { cutImage, type Preparation } from './cut-image.ts';
import type { PreparationResult, PreparationTask } from './preparation-pool.ts';

/** Memory for images that are decoded at the same time; a larger one is decoded on its own. */
const room = new ByteRoom(256 * 2 ** 20);

answerRequests(async (task: PreparationTask): Promise<ThreadAnswer<PreparationResult>> => {
  const start = performance.now();
  const made = await work(task);
  return {
    answer: { ...made, workMs: performance.now() - start },
    transferred: made.parts.map(({ buffer }) => buffer),
  };
});

/** JSON bodies are rare, and what checks them takes longer to load than everything else here. */
const jsonBodies = () => import('./json-body.ts');

async function work(task: PreparationTask): Promise<Omit<PreparationResult, 'workMs'>> {
  switch (task.kind) {
    case 'cut':
      return { parts: [await cut(task)] };
    case 'unpack':
      return { parts: (await jsonBodies()).imagesFromJson(task.body, task.limits) };
    case 'tensors': {
      const { readTensorRequest } = await jsonBodies();
      const { request, values } = readTensorRequest(task.body, task.jsonBytes, task.maxPatches);
      return { parts: [values], request };
    }
    default:
      throw task satisfies never;
  }
}

async function cut({ bytes, maxPixels, ...how }: Preparation): Promise<Uint8Array<ArrayBuffer>> {
  return cutImage(await decodeImage(bytes, how.name, { maxPixels, room }), how);
}
