/**
 * `import { loadClassifier } from 'textura'`: classifies images in a Node program with a model that Textura
 * exported, exactly as `npx textura classify` does.
 */
import { types } from 'node:util';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { maxImagePixelsOption } from '../model/image-options.ts';
import { issueTexts } from '../model/issue-text.ts';
import { cropChoices } from '../model/patch.ts';
import { oneLine } from '../model/words.ts';
import { decodeImage } from '../node/image-decoder.ts';
import { readImageFile } from '../node/image-file.ts';
import { type Classification, classify } from '../serve/classification.ts';
import { Model } from '../serve/model.ts';

export { TexturaError, type TexturaErrorCode } from '../model/error.ts';
export type { CropChoice } from '../model/patch.ts';
export type { Prediction } from '../model/scores.ts';
export type { Classification } from '../serve/classification.ts';

export interface ClassifierOptions {
  /** CPU threads of a run; default: all cores. */
  readonly threads?: number;
}

export interface ClassifyOptions {
  /** How many of the likeliest classes are in the result; default 5. */
  readonly top?: number;
  /** `auto`, the default: up to 15 patches that cover the image; `center`: only the patch in its centre. */
  readonly crops?: 'auto' | 'center';
  /** Maximum width x height; default 100 million. */
  readonly maxPixels?: number;
}

const classifierOptions = z.strictObject({ threads: z.int().min(1).max(1024).optional() });
const classifyOptions = z.strictObject({
  top: z.int().min(1).default(5),
  crops: z.enum(cropChoices).default('auto'),
  maxPixels: maxImagePixelsOption,
});

/** A loaded model. Close it after use: garbage collection does not free the memory of its session. */
export interface Classifier {
  /** The name of the file without its extension, such as `texture-net`. */
  readonly name: string;
  /** The classes in the order of the file's outputs. */
  readonly labels: readonly string[];
  /** SHA-256 of the file, hexadecimal. */
  readonly sha256: string;
  /**
   * Classifies an image, given as the path of a file or as its bytes (JPEG, PNG, WebP, GIF, AVIF, TIFF, BMP,
   * PGM, PPM or PBM). Errors: a `TexturaError` with the code `file-unreadable`, `image-type-unsupported`,
   * `image-damaged`, `image-too-small` or `image-too-large`; `model-unusable` if an output is not finite; or
   * `usage` for anything else than a path or bytes, for other options, and after `close`.
   */
  classify(image: string | Uint8Array | ArrayBuffer, options?: ClassifyOptions): Promise<Classification>;
  /** Frees the memory of the model, after the images that are being classified. Further calls do nothing. */
  close(): Promise<void>;
}

/**
 * Loads an ONNX file that Textura exported and checks that it is one. Errors: a `TexturaError` with the code
 * `model-not-found` or `model-unusable`, or `usage` for anything else than a path and for other options.
 */
export async function loadClassifier(path: string, options: ClassifierOptions = {}): Promise<Classifier> {
  if (typeof path !== 'string') throw unexpected('model', 'the path of an ONNX file', path);
  const { threads } = parsedOptions(classifierOptions, options);
  const model = await Model.load(path, threads === undefined ? {} : { threads });
  const inFlight = new Set<Promise<unknown>>();
  let closed: Promise<void> | undefined;

  async function classified(image: unknown, options: ClassifyOptions): Promise<Classification> {
    const { top, crops, maxPixels } = parsedOptions(classifyOptions, options);
    const name = typeof image === 'string' ? oneLine(image) : 'image';
    const bytes = typeof image === 'string' ? await readImageFile(image, name) : imageBytes(image);
    return classify(model, await decodeImage(bytes, name, { maxPixels }), { crops, top });
  }

  return {
    name: model.name,
    labels: model.labels,
    sha256: model.sha256,
    async classify(image, options = {}) {
      if (closed !== undefined) {
        throw new TexturaError('usage', `${model.name} is closed; load it again with loadClassifier`);
      }
      const result = classified(image, options);
      inFlight.add(result);
      return result.finally(() => inFlight.delete(result));
    },
    close() {
      closed ??= Promise.allSettled(inFlight).then(() => model.close());
      return closed;
    },
  };
}

function imageBytes(image: unknown): Uint8Array {
  if (types.isUint8Array(image)) return image;
  if (types.isArrayBuffer(image)) return new Uint8Array(image);
  throw unexpected('image', 'the path of a file, a Uint8Array or an ArrayBuffer', image);
}

function unexpected(name: string, expected: string, value: unknown): TexturaError {
  const type = typeof value === 'object' ? 'an object' : `a ${typeof value}`;
  const got = value === null || value === undefined ? String(value) : type;
  return new TexturaError('usage', `${name}: expected ${expected}, got ${got}`);
}

function parsedOptions<T>(schema: z.ZodType<T>, options: unknown): T {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  const placeOf = (path: readonly PropertyKey[]) => ['options', ...path].join('.');
  throw new TexturaError('usage', issueTexts(result.error, { input: options, placeOf }).join('; '));
}
