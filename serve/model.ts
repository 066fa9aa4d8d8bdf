/**
 * An exported model, loaded only after its file has the expected signature. For `npm run classify`; the
 * service uses workers.
 */
import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { describeModel } from '../graph/onnx/description.ts';
import { TexturaError } from '../model/error.ts';
import type { KnownThresholds } from '../model/known-score.ts';
import type { ModelInput } from '../model/model-file.ts';
import { classifyPatches, InferenceSession, type PatchOutputs } from '../node/onnxruntime.ts';
import { checkSignature, type ModelSignature } from './model-signature.ts';

interface ModelSettings {
  /** Threads of one run; onnxruntime's default if undefined. */
  readonly threads?: number;
}

/** A loaded model. Close it: garbage collection does not free a session's memory. */
export class Model {
  /** The file's name without its extension, e.g. `reference`. */
  readonly name: string;
  /** In output order. */
  readonly labels: readonly string[];
  readonly input: ModelInput;
  readonly threshold: KnownThresholds | undefined;
  readonly #session: InferenceSession;

  private constructor(name: string, { labels, input, threshold }: ModelSignature, session: InferenceSession) {
    this.name = name;
    this.labels = labels;
    this.input = input;
    this.threshold = threshold;
    this.#session = session;
  }

  /** Errors: `model-not-found`; `model-unusable`, naming the file and what is wrong with its signature. */
  static async load(path: string, { threads }: ModelSettings = {}): Promise<Model> {
    const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'ENOENT' ? 'there is no such file' : 'it cannot be read';
      throw new TexturaError('model-not-found', `${path}: ${why}`, { cause });
    });
    const signature = checkSignature(describeModel(bytes, path), path);
    const options = threads === undefined ? {} : { intraOpNumThreads: threads };
    const session = await InferenceSession.create(resolve(path), options).catch((cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new TexturaError('model-unusable', `${path}: onnxruntime cannot load it: ${why}`, { cause });
    });
    return new Model(basename(path).replace(/\.onnx$/i, ''), signature, session);
  }

  /** Runs patches `[count,64,64]`, grey 0..255. */
  run(patches: Uint8Array): Promise<PatchOutputs> {
    return classifyPatches(this.#session, patches);
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}
