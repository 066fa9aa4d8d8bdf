/**
 * Classifies picture files on several threads. The patches of a picture are one batch, so its result does not
 * depend on the pictures around it, and a resumed run gives the same bytes.
 */
import { TexturaError } from '../../model/error.ts';
import type { CropChoice } from '../../model/patch.ts';
import type { PictureOutcome } from '../../model/picture-table.ts';
import { isFileFault, reasonWithoutName } from '../../node/image-file.ts';
import { SupervisedThread, ThreadLost } from '../../node/supervised-thread.ts';
import type { ModelFile } from '../model.ts';
import type { PictureRequest, PictureThreadData } from './picture-thread.ts';

interface PipelineSettings {
  readonly crops: CropChoice;
  readonly maxPixels: number;
  /** Cores to use, 1 or more. */
  readonly cores: number;
}

const mostThreads = 8;
/** Memory of all threads for image files, and for pictures that are decoded. */
const roomBytes = { files: 2 ** 28, decoding: 2 ** 30 };
/** While libvips decodes one picture of a thread, it classifies another, and others are read. */
const inFlightPerThread = 5;
/** Attempts at a picture if a thread is lost. */
const threadAttempts = 2;

const pictureThread = new URL('./picture-thread.ts', import.meta.url);

type PictureThread = SupervisedThread<PictureRequest, PictureOutcome>;

/** Close it when every picture has its outcome. */
export class PicturePipeline {
  /** Pictures to have in flight, so that no thread waits. */
  readonly width: number;
  readonly #threads: readonly PictureThread[];

  constructor(model: ModelFile, { crops, maxPixels, cores }: PipelineSettings, module = pictureThread) {
    const threads = Math.min(mostThreads, cores);
    const rooms = { fileBytes: roomBytes.files / threads, decodingBytes: roomBytes.decoding / threads };
    const data: PictureThreadData = { model, settings: { crops, maxPixels, ...rooms } };
    this.width = inFlightPerThread * threads;
    this.#threads = Array.from(
      { length: threads },
      () => new SupervisedThread<PictureRequest, PictureOutcome>('a picture thread', module, data),
    );
  }

  /** Messages call the file `name`. Errors: `model-unusable`; others that are not the file's fault. */
  async classify(path: string, name: string): Promise<PictureOutcome> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#classifyOnce(path, name);
      } catch (error) {
        if (error instanceof ThreadLost && attempt < threadAttempts) continue;
        if (!isFileFault(error)) throw error;
        return { skipped: reasonOf(error, name) };
      }
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  async #classifyOnce(path: string, name: string): Promise<PictureOutcome> {
    const [idlest] = this.#threads.toSorted((a, b) => a.outstanding - b.outstanding);
    if (idlest === undefined) throw new TexturaError('internal', 'there is no picture thread');
    return idlest.ask({ path, name });
  }
}

/**
 * Without the file's name, and without libvips's words about damage, which can be those about another picture
 * that was decoded at the same time.
 */
function reasonOf(error: TexturaError, name: string): string {
  const text = reasonWithoutName(error, name);
  const isDecoders = error.code === 'image-damaged' || text.startsWith('this variant of');
  return isDecoders ? text.replace(/ \(.*\)/s, '') : text;
}
