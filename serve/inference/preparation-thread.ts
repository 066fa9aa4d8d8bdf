/** A thread that turns image files into patches: decoding and cutting would hold the event loop for longer than a request may. */
import { parentPort } from 'node:worker_threads';
import { TexturaError } from '../../model/error.ts';
import { decodeImage } from '../../node/image-decoder.ts';
import { cutImage, type Preparation } from './cut-image.ts';
import { imagesFromJson } from './json-images.ts';
import type { PreparationAnswer, PreparationRequest, PreparationResult } from './preparation-pool.ts';
import { readTensorRequest } from './tensor-request.ts';

parentPort?.on('message', async (request: PreparationRequest) => {
  const answer = await answerTo(request);
  const moved = 'parts' in answer ? answer.parts.map(({ buffer }) => buffer) : [];
  parentPort?.postMessage(answer, moved);
});

async function answerTo({ id, task }: PreparationRequest): Promise<PreparationAnswer> {
  const start = performance.now();
  try {
    const made = await work(task);
    return { id, ...made, workMs: performance.now() - start };
  } catch (error) {
    if (error instanceof TexturaError) return { id, code: error.code, message: error.message };
    return { id, code: 'internal', message: String(error) };
  }
}

async function work(task: PreparationRequest['task']): Promise<Omit<PreparationResult, 'workMs'>> {
  switch (task.kind) {
    case 'cut':
      return { parts: [await cut(task)] };
    case 'unpack':
      return { parts: imagesFromJson(task.body, task.limits) };
    case 'tensors': {
      const { request, values } = readTensorRequest(task.body, task.jsonBytes, task.maxPatches);
      return { parts: [values], request };
    }
    default:
      throw task satisfies never;
  }
}

async function cut({ bytes, maxPixels, ...wishes }: Preparation): Promise<Uint8Array<ArrayBuffer>> {
  return cutImage(await decodeImage(bytes, wishes.name, { maxPixels }), wishes);
}
