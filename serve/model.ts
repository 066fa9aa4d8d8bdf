/**
 * An exported model, loaded only after its file has the expected signature. For `npm run classify`; the
 * service uses workers.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { describeModel } from '../graph/onnx/description.ts';
import type { Temperatures } from '../model/calibration.ts';
import { TexturaError } from '../model/error.ts';
import type { KnownThresholds } from '../model/known-score.ts';
import type { ModelInput } from '../model/model-file.ts';
import { classifyPatches, InferenceSession, type PatchOutputs } from '../node/onnxruntime.ts';
import { checkSignature, type ModelSignature } from './model-signature.ts';

interface ModelSettings {
  /** Threads of one run; onnxruntime's default if undefined. */
  readonly threads?: number;
}

interface LoadedFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly metadata: Readonly<Record<string, string>>;
  readonly session: InferenceSession;
}

/** A loaded model. Close it: garbage collection does not free a session's memory. */
export class Model {
  /** The file's name without its extension, e.g. `reference`. */
  readonly name: string;
  /** In output order. */
  readonly labels: readonly string[];
  readonly input: ModelInput;
  readonly temperatures: Temperatures;
  readonly threshold: KnownThresholds | undefined;
  /** Of the file, hexadecimal. */
  readonly sha256: string;
  /** Its metadata, unchecked. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly #session: InferenceSession;

  private constructor(file: LoadedFile, { labels, input, temperatures, threshold }: ModelSignature) {
    this.name = basename(file.path).replace(/\.onnx$/i, '');
    this.labels = labels;
    this.input = input;
    this.temperatures = temperatures;
    this.threshold = threshold;
    this.sha256 = createHash('sha256').update(file.bytes).digest('hex');
    this.metadata = file.metadata;
    this.#session = file.session;
  }

  /** Errors: `model-not-found`; `model-unusable`, naming the file and what is wrong with its signature. */
  static async load(path: string, { threads }: ModelSettings = {}): Promise<Model> {
    const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'ENOENT' ? 'there is no such file' : 'it cannot be read';
      throw new TexturaError('model-not-found', `${path}: ${why}`, { cause });
    });
    const description = describeModel(bytes, path);
    const signature = checkSignature(description, path);
    const options = threads === undefined ? {} : { intraOpNumThreads: threads };
    const session = await InferenceSession.create(resolve(path), options).catch((cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new TexturaError('model-unusable', `${path}: onnxruntime cannot load it: ${why}`, { cause });
    });
    return new Model({ path, bytes, metadata: description.metadata, session }, signature);
  }

  /** Runs patches `[count,64,64]`, grey 0..255. */
  run(patches: Uint8Array): Promise<PatchOutputs> {
    return classifyPatches(this.#session, patches);
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}
