/** Runs in the threads of a classified folder: reads, decodes and cuts picture files and runs the model. */
import { TexturaError } from '../../model/error.ts';
import { photographMargin } from '../../model/known-score.ts';
import type { CropChoice } from '../../model/patch.ts';
import type { PictureOutcome } from '../../model/picture-table.ts';
import { ByteRoom } from '../../node/byte-room.ts';
import { decodeImage } from '../../node/image-decoder.ts';
import { fileBytes, readSteadyImageFile } from '../../node/image-file.ts';
import { classifyPatches, type InferenceSession, type PatchOutputs } from '../../node/onnxruntime.ts';
import { answerRequests, type ThreadAnswer } from '../../node/supervised-thread.ts';
import { threadData } from '../../node/thread.ts';
import { classificationOf, requireFinite } from '../classification.ts';
import { cutImage } from '../inference/cut-image.ts';
import { openSession } from '../inference/session.ts';
import type { ModelFile } from '../model.ts';

interface PictureSettings {
  readonly crops: CropChoice;
  readonly maxPixels: number;
  /** Memory for the files that this thread has read, and for the pictures that it decodes, at the same time. */
  readonly fileBytes: number;
  readonly decodingBytes: number;
}

/** What the thread is started with. */
export interface PictureThreadData {
  readonly model: ModelFile;
  readonly settings: PictureSettings;
}

/** Messages call the file `name`. */
export interface PictureRequest {
  readonly path: string;
  readonly name: string;
}

class PictureClassifier {
  readonly #model: ModelFile;
  readonly #settings: PictureSettings;
  readonly #session: InferenceSession;
  readonly #files: ByteRoom;
  readonly #pictures: ByteRoom;

  private constructor(model: ModelFile, settings: PictureSettings, session: InferenceSession) {
    this.#model = model;
    this.#settings = settings;
    this.#session = session;
    this.#files = new ByteRoom(settings.fileBytes);
    this.#pictures = new ByteRoom(settings.decodingBytes);
  }

  static async open(model: ModelFile, settings: PictureSettings): Promise<PictureClassifier> {
    const session = await openSession(model.bytes, { device: 'cpu', threads: 1, niceness: 0 });
    return new PictureClassifier(model, settings, session);
  }

  async classify(path: string, name: string): Promise<PictureOutcome> {
    const patches = await this.#files.while(fileBytes(path), () => this.#patchesOf(path, name));
    const outputs = await classifyPatches(this.#session, patches);
    requireFinite(outputs, this.#model, name);
    return outcomeOf(outputs, this.#model);
  }

  async #patchesOf(path: string, name: string): Promise<Uint8Array> {
    const { crops, maxPixels } = this.#settings;
    const bytes = await readSteadyImageFile(path, name);
    const image = await decodeImage(bytes, name, { maxPixels, room: this.#pictures });
    return cutImage(image, { name, crops, patchPx: this.#model.input.patchPx });
  }
}

function outcomeOf(outputs: PatchOutputs, model: ModelFile): PictureOutcome {
  const { labels, threshold } = model;
  const { predictions, crops } = classificationOf(outputs, model, 2);
  const [first, second] = predictions;
  if (first === undefined || second === undefined) {
    throw new TexturaError('internal', `${model.name} has fewer than two classes`);
  }
  const knownMargin = photographMargin(outputs, labels.length, threshold);
  return { predictions: [first, second], knownMargin, patches: crops };
}

const { model, settings } = threadData<PictureThreadData>();
let opened: Promise<PictureClassifier> | undefined;

answerRequests(async ({ path, name }: PictureRequest): Promise<ThreadAnswer<PictureOutcome>> => {
  opened ??= PictureClassifier.open(model, settings);
  return { answer: await (await opened).classify(path, name) };
});
