/** An exported model, loaded and checked against the contract before it answers anything. */
import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { describeModel } from '../graph/onnx/description.ts';
import { TexturaError } from '../model/error.ts';
import { graphNames, type ModelInput } from '../model/model-file.ts';
import { inputPx } from '../model/network.ts';
import { patchBytes } from '../model/patch.ts';
import { InferenceSession, Tensor } from '../node/onnxruntime.ts';
import { checkContract } from './model-contract.ts';

export interface ModelSettings {
  /** Threads of one run of the model; onnxruntime's own choice where undefined. */
  readonly threads?: number;
}

/** A loaded model. Close it: a session that is only forgotten keeps its memory. */
export class Model {
  /** The file's name without its ending, e.g. `reference`. */
  readonly name: string;
  /** In output order. */
  readonly labels: readonly string[];
  readonly input: ModelInput;
  readonly #session: InferenceSession;

  private constructor(name: string, labels: readonly string[], input: ModelInput, session: InferenceSession) {
    this.name = name;
    this.labels = labels;
    this.input = input;
    this.#session = session;
  }

  /**
   * Loads a file. Errors: `model-not-found`; `model-unusable`, naming the file and which part of the contract it does not keep.
   */
  static async load(path: string, { threads }: ModelSettings = {}): Promise<Model> {
    const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'ENOENT' ? 'there is no such file' : 'it cannot be read';
      throw new TexturaError('model-not-found', `${path}: ${why}`, { cause });
    });
    const { labels, input } = checkContract(describeModel(bytes, path), path);
    const options = threads === undefined ? {} : { intraOpNumThreads: threads };
    const session = await InferenceSession.create(resolve(path), options).catch((cause: unknown) => {
      throw new TexturaError('model-unusable', `${path}: onnxruntime does not load it: ${textOf(cause)}`, {
        cause,
      });
    });
    return new Model(basename(path).replace(/\.onnx$/i, ''), labels, input, session);
  }

  /** Logits `[count,C]` of patches `[count,64,64]`, grey 0..255. */
  async logits(patches: Uint8Array): Promise<Float32Array> {
    const count = patches.length / patchBytes;
    const image = new Tensor('float32', new Float32Array(patches), [count, 1, inputPx, inputPx]);
    const results = await this.#session.run({ [graphNames.image]: image }, [graphNames.logits]);
    return results[graphNames.logits]?.data as Float32Array;
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
