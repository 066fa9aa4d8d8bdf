/**
 * Reads every file of a data folder once, before anything is trained: a damaged photograph shows here, with its name, and not
 * epochs later.
 */
import { createHash } from 'node:crypto';
import { TexturaError } from '../../model/error.ts';
import type { StretchedBits } from '../../model/image.ts';
import { type GreyImage, meanGrey } from '../../model/image.ts';
import { ImageKindError } from '../../model/image-kind.ts';
import { holdsPatch, smallerPatchAdvice } from '../../model/patch.ts';
import { ByteRoom } from '../../node/byte-room.ts';
import { type DecodeLimits, decodeImage } from '../../node/image-decoder.ts';
import { readImageFile } from '../../node/image-file.ts';
import type { DatasetImage } from './dataset-image.ts';
import type { ClassFile } from './folder.ts';
import { isMeantAsImage } from './folder-walk.ts';

export interface ReadImage {
  readonly file: ClassFile;
  readonly image: DatasetImage;
  /** Where 16-bit samples held fewer bits and were stretched. */
  readonly stretchedFromBits: StretchedBits | undefined;
}

export interface UnusedFile {
  readonly file: ClassFile;
  readonly why: string;
  /** Where it is whole, but smaller than a patch: its shorter side. */
  readonly sidePx?: number;
}

/** Each list in the order of the files. */
export interface Intake {
  readonly images: readonly ReadImage[];
  /** Images, or meant as such, but of no use. */
  readonly bad: readonly UnusedFile[];
  /** Texts, documents and the like that lie among the images. */
  readonly passedOver: readonly UnusedFile[];
}

export interface IntakeSettings {
  readonly labels: readonly string[];
  readonly patchPx: number;
  readonly maxImagePixels: number;
  /** Memory for images while they are decoded. */
  readonly decodingBytes: number;
  /** Called with each image's pixels, which are not kept here. */
  keep(image: DatasetImage, grey: GreyImage): void;
  onProgress?(done: number, total: number): void;
}

type Verdict =
  | ({ readonly kind: 'image' } & Omit<ReadImage, 'file'>)
  | ({ readonly kind: 'bad' } & Omit<UnusedFile, 'file'>)
  | { readonly kind: 'passed-over'; readonly why: string };

/**
 * Images in work at one time: twice libuv's default of four threads, so that the next file is there when a thread is free.
 * With 4, 8 and 16 the time was the same within noise; with 2 it was a quarter longer (2 cores).
 */
const imagesInWork = 8;

export async function readImages(files: readonly ClassFile[], settings: IntakeSettings): Promise<Intake> {
  const verdicts: Verdict[] = new Array(files.length);
  const limits = { maxPixels: settings.maxImagePixels, room: new ByteRoom(settings.decodingBytes) };
  let next = 0;
  let done = 0;
  async function work(): Promise<void> {
    while (next < files.length) {
      const at = next++;
      verdicts[at] = await judge(files[at] as ClassFile, settings, limits);
      settings.onProgress?.(++done, files.length);
    }
  }
  await Promise.all(Array.from({ length: imagesInWork }, work));

  const images: ReadImage[] = [];
  const bad: UnusedFile[] = [];
  const passedOver: UnusedFile[] = [];
  files.forEach((file, at) => {
    const verdict = verdicts[at] as Verdict;
    if (verdict.kind === 'image') images.push({ file, ...verdict });
    else if (verdict.kind === 'bad') bad.push({ file, ...verdict });
    else passedOver.push({ file, ...verdict });
  });
  return { images, bad, passedOver };
}

async function judge(
  file: ClassFile,
  { labels, patchPx, keep }: IntakeSettings,
  limits: DecodeLimits,
): Promise<Verdict> {
  if (file.unreadable !== undefined) {
    return { kind: isMeantAsImage(file) ? 'bad' : 'passed-over', why: file.unreadable };
  }
  let bytes: Uint8Array;
  let grey: GreyImage;
  try {
    bytes = await readImageFile(file.path, file.name);
    grey = await decodeImage(bytes, file.name, limits);
  } catch (error) {
    // That no file can be opened any more is no fault of this one.
    if (!(error instanceof TexturaError) || error.code === 'descriptors-exhausted') throw error;
    const why = error.message.replace(`${file.name}: `, '');
    return { kind: isImage(file, error) ? 'bad' : 'passed-over', why };
  }
  const { width, height, stretchedFromBits } = grey;
  if (!holdsPatch(grey, patchPx)) {
    const size = `${width}x${height} pixels, smaller than a patch of ${patchPx}x${patchPx}`;
    const why = `${size}; ${smallerPatchAdvice(grey)}`;
    return { kind: 'bad', why, sidePx: Math.min(width, height) };
  }
  const image: DatasetImage = {
    name: file.name,
    source: { kind: 'file', path: file.path },
    label: labels.indexOf(file.label),
    width,
    height,
    meanGrey: meanGrey(grey),
    contentHash: createHash('sha256').update(bytes).digest('hex'),
  };
  keep(image, grey);
  return { kind: 'image', image, stretchedFromBits };
}

/**
 * Whether a file that cannot be used is an image: by its content, or, where that tells nothing (an error page
 * saved as .jpg, an empty file), by what it is called.
 */
function isImage(file: ClassFile, why: TexturaError): boolean {
  const tellsNothing =
    why instanceof ImageKindError
      ? why.kind === undefined || why.kind.family === 'document'
      : why.code === 'file-unreadable';
  return !tellsNothing || isMeantAsImage(file);
}
