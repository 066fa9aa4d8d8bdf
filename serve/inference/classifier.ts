/**
 * From the image files of a request to its answer: admission, preparation, batches, the deadline, and
 * cancellation.
 */
import { setMaxListeners } from 'node:events';
import { TexturaError } from '../../model/error.ts';
import { type CropChoice, patchBytes } from '../../model/patch.ts';
import type { ClassifyAnswer } from '../../model/service.ts';
import type { PatchOutputs } from '../../node/onnxruntime.ts';
import { unlessAborted } from '../../node/promises.ts';
import { classificationOf } from '../classification.ts';
import type { ServedModel } from '../registry/registry.ts';
import type { Batcher, InferredPatches } from './batcher.ts';
import { FairQueue } from './fair-queue.ts';
import type { PreparationPool, PreparedImage } from './preparation-pool.ts';

interface ClassifierSettings {
  /** Maximum number of images in flight: waiting or being processed. */
  readonly queueImages: number;
  /** From admission to the answer. */
  readonly deadlineMs: number;
  readonly maxImagePixels: number;
}

/** The memory of the image files is transferred to the thread that decodes them. */
interface ClassifyRequest {
  readonly client: string;
  readonly model: ServedModel;
  readonly images: readonly Uint8Array<ArrayBuffer>[];
  readonly crops: CropChoice;
  readonly top: number;
  /** Aborted when the client disconnects. */
  readonly signal: AbortSignal;
}

/** Patches that the client has cut itself. */
interface TensorInference {
  readonly client: string;
  readonly model: ServedModel;
  /** `[count,64,64]`, grey 0..255. */
  readonly values: Float32Array;
  readonly signal: AbortSignal;
}

/** Observed by the metrics. */
export interface ClassifierEvents {
  onPrepared(image: PreparedImage): void;
  onInferred(model: ServedModel, result: InferredPatches): void;
  onAnswered(model: ServedModel, result: ClassifyAnswer['results'][number]): void;
  /** A request was cancelled: images that have not started never run. */
  onAbandoned(images: number): void;
}

interface Admission {
  readonly client: string;
  /** Images, or batches of patches. */
  readonly count: number;
  /** Aborted when the client disconnects. */
  readonly disconnected: AbortSignal;
}

interface AdmittedRequest {
  readonly client: string;
  readonly count: number;
  readonly stop: AbortController;
}

type ImageResult = ClassifyAnswer['results'][number] & ClassifyAnswer['timings'];

export class ServiceClassifier {
  readonly #preparation: PreparationPool;
  readonly #batcher: Batcher;
  readonly #settings: ClassifierSettings;
  readonly #events: ClassifierEvents;
  readonly #requests = new FairQueue<AdmittedRequest>();
  #admitted = 0;

  constructor(
    preparation: PreparationPool,
    batcher: Batcher,
    settings: ClassifierSettings,
    events: ClassifierEvents,
  ) {
    this.#preparation = preparation;
    this.#batcher = batcher;
    this.#settings = settings;
    this.#events = events;
  }

  /** Images in flight: waiting or being processed. */
  get admitted(): number {
    return this.#admitted;
  }

  /**
   * Errors: `overloaded` if too many images are in flight, `image-too-large` if the request alone has too many,
   * `deadline-exceeded`, the first error of an image (`image-damaged`, ...), and the signal's reason.
   */
  async classify(request: ClassifyRequest): Promise<ClassifyAnswer> {
    const work = (signal: AbortSignal) =>
      request.images.map((_, i) => this.#classifyImage(request, i, signal));
    const { client, images, signal } = request;
    const admission = { client, count: images.length, disconnected: signal };
    return answerOf(request.model, await this.#inTime(admission, work));
  }

  /** Outputs of patches `[count,64,64]`, whose memory is transferred. Errors: as `classify`. */
  async infer({ client, model, values, signal: disconnected }: TensorInference): Promise<PatchOutputs> {
    const count = values.length / patchBytes;
    const logits = new Float32Array(count * model.labels.length);
    const knownScores = new Float32Array(count);
    const chunkPatches = this.#batcher.maxPatches(model.sessions);
    const step = patchBytes * chunkPatches;
    const chunks = Array.from({ length: Math.ceil(values.length / step) }, (_, i) =>
      values.subarray(i * step, (i + 1) * step),
    );
    const results = await this.#inTime({ client, count: chunks.length, disconnected }, (signal) =>
      chunks.map((chunk) => this.#inferChunk(client, model, chunk, signal)),
    );
    results.forEach((result, i) => {
      const row = i * chunkPatches;
      logits.set(result.logits, row * model.labels.length);
      knownScores.set(result.knownScores ?? [], row);
    });
    return results.every((result) => result.knownScores !== undefined) ? { logits, knownScores } : { logits };
  }

  /**
   * Admits work and awaits it. A deadline, a disconnect, an eviction or the first failure cancels the rest.
   */
  async #inTime<T>(
    { client, count, disconnected }: Admission,
    begin: (signal: AbortSignal) => readonly Promise<T>[],
  ): Promise<readonly T[]> {
    disconnected.throwIfAborted();
    this.#makeRoom(client, count);
    this.#admitted += count;
    const stop = new AbortController();
    // Every image of the request listens.
    setMaxListeners(0, stop.signal);
    const request: AdmittedRequest = { client, count, stop };
    this.#requests.push(client, request);
    const leave = () => stop.abort(disconnected.reason);
    disconnected.addEventListener('abort', leave);
    const timer = setTimeout(() => stop.abort(this.#late()), this.#settings.deadlineMs);
    try {
      return await unlessAborted(Promise.all(begin(stop.signal)), stop.signal);
    } catch (error) {
      if (!stop.signal.aborted) stop.abort(error);
      else this.#events.onAbandoned(count);
      throw error;
    } finally {
      clearTimeout(timer);
      disconnected.removeEventListener('abort', leave);
      this.#requests.remove(client, request);
    }
  }

  /**
   * If the queue is full, evicts the newest requests of the busiest client, if that has more than this one
   * would have. Errors: `overloaded` if that does not make enough room; then none is evicted. `image-too-large` if
   * there is never enough.
   */
  #makeRoom(client: string, count: number): void {
    const { queueImages } = this.#settings;
    if (count > queueImages) {
      const message = `request: ${count} images, but at most ${queueImages} can be in flight; send fewer at once`;
      throw new TexturaError('image-too-large', message);
    }
    const evicted: AdmittedRequest[] = [];
    for (let room = queueImages - this.#admitted; room < count; ) {
      const newest = this.#requests.takeNewestOfLongest(this.#requests.waiting(client) + 1);
      if (newest === undefined) {
        for (const request of evicted.reverse()) this.#requests.push(request.client, request);
        throw this.#full();
      }
      evicted.push(newest);
      room += newest.count;
    }
    for (const { stop } of evicted) stop.abort(this.#full());
  }

  #full(): TexturaError {
    const { queueImages } = this.#settings;
    return new TexturaError(
      'overloaded',
      `too many images in flight (at most ${queueImages}); try again later`,
    );
  }

  #late(): TexturaError {
    const { deadlineMs } = this.#settings;
    return new TexturaError('deadline-exceeded', `no answer within the deadline of ${deadlineMs} ms`);
  }

  async #inferChunk(
    client: string,
    model: ServedModel,
    values: Float32Array,
    signal: AbortSignal,
  ): Promise<InferredPatches> {
    try {
      const inferred = await this.#batcher.submit(client, model.sessions, values, signal);
      this.#events.onInferred(model, inferred);
      return inferred;
    } finally {
      this.#admitted--;
    }
  }

  async #classifyImage(request: ClassifyRequest, index: number, signal: AbortSignal): Promise<ImageResult> {
    const { client, model, images, crops, top } = request;
    const bytes = images[index] as Uint8Array<ArrayBuffer>;
    const name = images.length === 1 ? 'image' : `image ${index + 1}`;
    const { maxImagePixels: maxPixels } = this.#settings;
    try {
      const preparation = { bytes, name, crops, maxPixels, patchPx: model.input.patchPx };
      const prepared = await this.#preparation.prepare(client, preparation, signal);
      this.#events.onPrepared(prepared);
      const inferred = await this.#batcher.submit(client, model.sessions, prepared.patches, signal);
      this.#events.onInferred(model, inferred);
      const { predictions, ...rest } = classificationOf(inferred, model, top);
      const result = { predictions: [...predictions], ...rest };
      this.#events.onAnswered(model, result);
      return {
        ...result,
        decodeMs: prepared.decodeMs,
        queueMs: prepared.waitMs + inferred.waitMs,
        inferMs: inferred.inferMs,
      };
    } finally {
      this.#admitted--;
    }
  }
}

function answerOf({ name, sha256 }: ServedModel, images: readonly ImageResult[]): ClassifyAnswer {
  const slowest = (stage: keyof ClassifyAnswer['timings']) =>
    Math.round(Math.max(...images.map((image) => image[stage])) * 1000) / 1000;
  return {
    model: { name, sha256 },
    results: images.map(({ predictions, crops, known }) => ({
      predictions,
      crops,
      ...(known !== undefined && { known }),
    })),
    timings: { decodeMs: slowest('decodeMs'), queueMs: slowest('queueMs'), inferMs: slowest('inferMs') },
  };
}
