/** An exported model, loaded and checked against the contract before it answers anything. */
import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { graphNames, type ModelInput, metadataKeys, modelInputSchema } from '../model/model-file.ts';
import { inputPx } from '../model/network.ts';
import { type DescribedValue, describeModel, type ModelDescription } from '../model/onnx/description.ts';
import { patchBytes } from '../model/patch.ts';

export interface ModelSettings {
  /** Threads of one run of the model; onnxruntime's own choice where undefined. */
  readonly threads?: number;
}

const labelsSchema = z.array(z.string().min(1)).min(2);

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
    const description = describeModel(bytes, path);
    const labels = metadataOf(description, metadataKeys.labels, labelsSchema, path);
    const input = metadataOf(description, metadataKeys.input, modelInputSchema, path);
    checkContract(description, labels.length, path);
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
    const image = new Tensor('float32', Float32Array.from(patches), [count, 1, inputPx, inputPx]);
    const results = await this.#session.run({ [graphNames.image]: image }, [graphNames.logits]);
    return results[graphNames.logits]?.data as Float32Array;
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}

function metadataOf<T>({ metadata }: ModelDescription, key: string, schema: z.ZodType<T>, path: string): T {
  const text = metadata[key];
  if (text === undefined) {
    throw new TexturaError(
      'model-unusable',
      `${path}: its metadata lacks ${key}; was it made by npm run export?`,
    );
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new TexturaError('model-unusable', `${path}: ${key} is not understood: ${text}`, { cause });
  }
}

/** The contract's input and outputs: names, types and sizes, with nothing but the batch left open. */
function checkContract({ inputs, outputs }: ModelDescription, classes: number, path: string): void {
  expectValue(inputs, graphNames.image, [1, inputPx, inputPx], `${path}: input`);
  if (inputs.length !== 1) {
    throw new TexturaError('model-unusable', `${path}: expected 1 input, got ${inputs.length}`);
  }
  expectValue(outputs, graphNames.logits, [classes], `${path}: output`);
  expectValue(outputs, graphNames.probabilities, [classes], `${path}: output`);
}

function expectValue(
  values: readonly DescribedValue[],
  name: string,
  sizes: readonly number[],
  where: string,
): void {
  const value = values.find((candidate) => candidate.name === name);
  const [batch, ...rest] = value?.shape ?? [];
  const keeps = typeof batch === 'string' && rest.join() === sizes.join() && value?.dtype === 'float32';
  if (keeps) return;
  const got = value === undefined ? 'none' : `${value.dtype ?? 'another type'} [${value.shape.join()}]`;
  throw new TexturaError(
    'model-unusable',
    `${where} ${name}: expected float32 [N,${sizes.join()}], got ${got}`,
  );
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
