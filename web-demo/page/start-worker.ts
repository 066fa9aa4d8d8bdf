/**
 * Where the build puts the workers. They are entries of the one build, so that page and workers share what they have in common: each
 * library is fetched once.
 */
import { type Fault, fault } from '../shared/faults.ts';

export type WorkerName = 'inference-worker' | 'teaching-worker' | 'texture-worker';

/**
 * Starts a worker. `onFault` is called where it doesn't load (`file-missing`, naming its file) and where something was thrown in it that
 * nobody caught.
 */
export function startWorker(name: WorkerName, onFault: (cause: Fault) => void): Worker {
  const file = `workers/${name}.js`;
  const worker = new Worker(new URL(file, document.baseURI), { type: 'module' });
  worker.addEventListener('error', (event) => {
    // A script that doesn't load has an event without a message.
    const { message } = event;
    onFault(
      message === undefined || message === ''
        ? fault('file-missing', { file })
        : fault('failed', {}, message),
    );
  });
  return worker;
}
