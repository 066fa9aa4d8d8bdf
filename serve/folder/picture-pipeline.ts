/**
 * Classifies picture files with the threads of the service: some decode and cut, others run the model. The
 * patches of a picture are one batch, so its result does not depend on the pictures around it, and a resumed
 * run gives the same bytes.
 */
import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { TexturaError } from '../../model/error.ts';
import { photographMargin } from '../../model/known-score.ts';
import type { CropChoice } from '../../model/patch.ts';
import type { PictureOutcome } from '../../model/picture-table.ts';
import { ByteRoom } from '../../node/byte-room.ts';
import { isFileFault, readImageFile, reasonWithoutName } from '../../node/image-file.ts';
import type { PatchOutputs } from '../../node/onnxruntime.ts';
import { ThreadLost } from '../../node/supervised-thread.ts';
import { ownsMemory } from '../../node/thread.ts';
import { classificationOf, requireFinite } from '../classification.ts';
import { ModelWorkers } from '../inference/model-workers.ts';
import { PreparationPool } from '../inference/preparation-pool.ts';
import type { ModelFile } from '../model.ts';

interface PipelineSettings {
  readonly crops: CropChoice;
  readonly maxPixels: number;
  /** Cores to use, 1 or more. */
  readonly cores: number;
}

/** Image files in memory at the same time, in bytes. */
const fileRoomBytes = 256 * 2 ** 20;
/** How often a file that changes while it is read is read again, and after how long. */
const readAttempts = 3;
const readPauseMs = 200;
/** Attempts at a picture if a thread is lost. */
const threadAttempts = 2;

/** Close it when every picture has its outcome. */
export class PicturePipeline {
  /** Pictures to have in flight, so that no thread waits. */
  readonly width: number;
  readonly #model: ModelFile;
  readonly #settings: PipelineSettings;
  readonly #preparation: PreparationPool;
  readonly #workers: ModelWorkers;
  readonly #room = new ByteRoom(fileRoomBytes);

  private constructor(model: ModelFile, settings: PipelineSettings, workers: ModelWorkers) {
    const { cores } = settings;
    this.#model = model;
    this.#settings = settings;
    this.#preparation = new PreparationPool(Math.min(4, cores));
    this.#workers = workers;
    this.width = 4 * Math.min(8, cores) + 4;
  }

  /** Errors: `model-unusable`. */
  static async open(model: ModelFile, settings: PipelineSettings): Promise<PicturePipeline> {
    const workers = await ModelWorkers.open(model, Math.min(8, settings.cores));
    return new PicturePipeline(model, settings, workers);
  }

  /** Messages call the file `name`. Errors: those that are not the file's fault. */
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
    await this.#preparation.close();
    await this.#workers.close();
  }

  async #classifyOnce(path: string, name: string): Promise<PictureOutcome> {
    const before = await stat(path).catch(() => undefined);
    // The memory of the file moves to the thread that decodes it.
    const { patches } = await this.#room.while(before?.size ?? 0, async () => {
      const bytes = await steadyFile(path, name, before);
      const { crops, maxPixels } = this.#settings;
      const how = { name, crops, maxPixels, patchPx: this.#model.input.patchPx };
      return this.#preparation.prepare('', { bytes, ...how }, new AbortController().signal);
    });
    const outputs = await this.#workers.run(patches);
    requireFinite(outputs, this.#model, name);
    return outcomeOf(outputs, this.#model);
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

/** The bytes of a file that did not change while it was read. Errors: as `readImageFile`. */
async function steadyFile(
  path: string,
  name: string,
  found: Stats | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  let before = found;
  for (let attempt = 1; ; attempt++) {
    const bytes = await readImageFile(path, name);
    const after = await stat(path).catch(() => undefined);
    if (before !== undefined && after !== undefined && isSameState(before, after)) {
      return ownsMemory(bytes) ? bytes : new Uint8Array(bytes);
    }
    if (attempt === readAttempts) {
      throw new TexturaError('file-unreadable', `${name}: the file changed while it was read`);
    }
    await sleep(readPauseMs);
    before = await stat(path).catch(() => undefined);
  }
}

/** Whether nothing has written to a file between two looks at it. */
export function isSameState(a: Stats, b: Stats): boolean {
  return a.ino === b.ino && a.size === b.size && a.mtimeMs === b.mtimeMs;
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
