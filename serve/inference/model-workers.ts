/** One model on several inference threads, each with a session of one CPU thread. `classify --map` uses it. */
import { TexturaError } from '../../model/error.ts';
import type { PatchOutputs } from '../../node/onnxruntime.ts';
import type { ModelFile } from '../model.ts';
import { InferenceWorker } from './inference-worker.ts';

const session = 'model';

/** Close it after the last answer. */
export class ModelWorkers {
  readonly #workers: readonly InferenceWorker[];

  private constructor(count: number) {
    this.#workers = Array.from({ length: count }, () => new InferenceWorker());
  }

  /** Errors: `model-unusable`. */
  static async open(model: ModelFile, count: number): Promise<ModelWorkers> {
    const opened = new ModelWorkers(count);
    try {
      await Promise.all(
        opened.#workers.map((worker) =>
          worker.load(session, model.bytes, { device: 'cpu', threads: 1, niceness: 0 }),
        ),
      );
      return opened;
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  /**
   * Runs patches `[count,64,64]`, grey 0..255, which are transferred, as one batch on the worker with the
   * fewest. Errors: `internal` if a run fails; `ThreadLost`.
   */
  run(patches: Uint8Array<ArrayBuffer>): Promise<PatchOutputs> {
    const [idlest] = this.#workers.toSorted((a, b) => a.outstanding - b.outstanding);
    if (idlest === undefined) throw new TexturaError('internal', 'there is no inference worker');
    return idlest.run(session, patches);
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }
}
