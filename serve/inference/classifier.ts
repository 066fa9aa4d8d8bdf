/** From the image files of a request to its answer: admission, preparation, batches, a deadline, and whoever leaves takes their work along. */
import { setMaxListeners } from 'node:events';
import { TexturaError } from '../../model/error.ts';
import { patchBytes } from '../../model/patch.ts';
import type { ClassifyAnswer, CropChoice } from '../../model/service.ts';
import { counted } from '../../model/words.ts';
import { unlessAborted } from '../../node/abort.ts';
import { predictionsOf } from '../classification.ts';
import type { ServedModel } from '../registry/served-model.ts';
import type { Batcher, InferredPatches } from './batcher.ts';
import { FairQueue } from './fair-queue.ts';
import type { PreparationPool, PreparedImage } from './preparation-pool.ts';

export interface ClassifierSettings {
  /** Most images in flight: waiting or being processed. */
  readonly queueImages: number;
  /** From admission to the answer. */
  readonly deadlineMs: number;
  readonly maxImagePixels: number;
  /** Most patches of a batch. */
  readonly batchPatches: number;
}

/** Image files are given away: their bytes move to the thread that decodes them. */
export interface ClassifyRequest {
  readonly client: string;
  readonly model: ServedModel;
  readonly images: readonly Uint8Array<ArrayBuffer>[];
  readonly crops: CropChoice;
  readonly top: number;
  /** Aborted when the client has left. */
  readonly signal: AbortSignal;
}

/** Patches that a client has cut itself. */
export interface TensorInference {
  readonly client: string;
  readonly model: ServedModel;
  /** `[count,64,64]`, grey 0..255. */
  readonly values: Float32Array;
  readonly signal: AbortSignal;
}

/** What the metrics want to know. */
export interface ClassifierEvents {
  onPrepared(image: PreparedImage): void;
  onInferred(model: ServedModel, result: InferredPatches): void;
  onAnswered(model: ServedModel, result: ClassifyAnswer['results'][number]): void;
  /** Work that nobody waits for any more, and the stage it was in; what had not begun never will. */
  onAbandoned(images: number): void;
}

interface Admission {
  readonly client: string;
  /** Images, or batches of patches. */
  readonly count: number;
  /** Aborted when the client has left. */
  readonly gone: AbortSignal;
}

interface AdmittedRequest {
  readonly count: number;
  readonly stop: AbortController;
}

type ImageResult = ClassifyAnswer['results'][number] & ClassifyAnswer['timings'];

export class Classifier {
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
   * Errors: `overloaded` where the house is full, `deadline-exceeded`, those of an image (`image-damaged`, ...; the first one's), and
   * the signal's reason.
   */
  async classify(request: ClassifyRequest): Promise<ClassifyAnswer> {
    const work = (signal: AbortSignal) =>
      request.images.map((_, i) => this.#classifyImage(request, i, signal));
    const { client, images, signal } = request;
    return answerOf(request.model, await this.#inTime({ client, count: images.length, gone: signal }, work));
  }

  /** Logits `[count,C]` of patches `[count,64,64]` as they are, which are given away. Errors: as `classify`. */
  async infer({ client, model, values, signal: gone }: TensorInference): Promise<Float32Array> {
    const logits = new Float32Array((values.length / patchBytes) * model.labels.length);
    const step = patchBytes * this.#settings.batchPatches;
    const chunks = Array.from({ length: Math.ceil(values.length / step) }, (_, i) =>
      values.subarray(i * step, (i + 1) * step),
    );
    const results = await this.#inTime({ client, count: chunks.length, gone }, (signal) =>
      chunks.map((chunk) => this.#inferChunk(client, model, chunk, signal)),
    );
    results.forEach((result, i) => {
      logits.set(result.logits, i * this.#settings.batchPatches * model.labels.length);
    });
    return logits;
  }

  /** Admits work and awaits it: until the deadline, until the client leaves, makes room for another, or the first piece fails. */
  async #inTime<T>(
    { client, count, gone }: Admission,
    begin: (signal: AbortSignal) => readonly Promise<T>[],
  ): Promise<readonly T[]> {
    gone.throwIfAborted();
    this.#makeRoom(client, count);
    this.#admitted += count;
    const stop = new AbortController();
    // Every image of the request listens.
    setMaxListeners(0, stop.signal);
    const request: AdmittedRequest = { count, stop };
    this.#requests.push(client, request);
    const leave = () => stop.abort(gone.reason);
    gone.addEventListener('abort', leave);
    const timer = setTimeout(() => stop.abort(this.#late()), this.#settings.deadlineMs);
    try {
      return await unlessAborted(Promise.all(begin(stop.signal)), stop.signal);
    } catch (error) {
      if (!stop.signal.aborted) stop.abort(error);
      else this.#events.onAbandoned(count);
      throw error;
    } finally {
      clearTimeout(timer);
      gone.removeEventListener('abort', leave);
      this.#requests.remove(client, request);
    }
  }

  /** If need be at the cost of the newest requests of the client that has the most, and more than this one would have. */
  #makeRoom(client: string, count: number): void {
    for (let room = this.#settings.queueImages - this.#admitted; room < count; ) {
      const given = this.#requests.takeNewestOfLongest(this.#requests.waiting(client) + 1);
      if (given === undefined) throw this.#full();
      given.stop.abort(this.#full());
      room += given.count;
    }
  }

  #full(): TexturaError {
    const { queueImages } = this.#settings;
    return new TexturaError(
      'overloaded',
      `expected ${counted(queueImages, 'image')} or fewer at a time, got more; try again later`,
    );
  }

  #late(): TexturaError {
    const { deadlineMs } = this.#settings;
    return new TexturaError('deadline-exceeded', `expected an answer within ${deadlineMs} ms, got none`);
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
      const wishes = { bytes, name, crops, maxPixels, patchPx: model.input.patchPx };
      const prepared = await this.#preparation.prepare(client, wishes, signal);
      this.#events.onPrepared(prepared);
      const inferred = await this.#batcher.submit(client, model.sessions, prepared.patches, signal);
      this.#events.onInferred(model, inferred);
      const result = {
        predictions: [...predictionsOf(inferred.logits, model.labels, top)],
        crops: inferred.logits.length / model.labels.length,
      };
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
    results: images.map(({ predictions, crops }) => ({ predictions, crops })),
    timings: { decodeMs: slowest('decodeMs'), queueMs: slowest('queueMs'), inferMs: slowest('inferMs') },
  };
}
