/**
 * Reads every file of a data folder once, before anything is trained: a damaged photograph shows here, with its name, and not
 * epochs later.
 */
import { createHash } from 'node:crypto';
import { extname } from 'node:path';
import { TexturaError } from '../../model/error.ts';
import { type GreyImage, meanGrey } from '../../model/image.ts';
import { decodeImage } from '../../node/image-decoder.ts';
import { readImageFile } from '../../node/image-file.ts';
import type { DatasetImage } from './dataset-image.ts';
import type { ClassFile } from './folder.ts';

export interface ReadImage {
  readonly file: ClassFile;
  readonly image: DatasetImage;
}

export interface UnusedFile {
  readonly file: ClassFile;
  readonly why: string;
}

/** Each list in the order of the files. */
export interface Intake {
  readonly images: readonly ReadImage[];
  /** Meant as images, but of no use. */
  readonly bad: readonly UnusedFile[];
  /** Texts and the like that lie among the images. */
  readonly passedOver: readonly UnusedFile[];
}

export interface IntakeSettings {
  readonly labels: readonly string[];
  readonly patchPx: number;
  /** Called with each image's pixels, which are not kept here. */
  keep(image: DatasetImage, grey: GreyImage): void;
  onProgress?(done: number, total: number): void;
}

type Verdict =
  | { readonly kind: 'image'; readonly image: DatasetImage }
  | { readonly kind: 'bad' | 'passed-over'; readonly why: string };

/**
 * Images in work at one time: twice libuv's default of four threads, so that the next file is there when a thread is free.
 * With 4, 8 and 16 the time was the same within noise; with 2 it was a quarter longer (2 cores).
 */
const imagesInWork = 8;

export async function readImages(files: readonly ClassFile[], settings: IntakeSettings): Promise<Intake> {
  const verdicts: Verdict[] = new Array(files.length);
  let next = 0;
  let done = 0;
  async function work(): Promise<void> {
    while (next < files.length) {
      const at = next++;
      verdicts[at] = await judge(files[at] as ClassFile, settings);
      settings.onProgress?.(++done, files.length);
    }
  }
  await Promise.all(Array.from({ length: imagesInWork }, work));

  const images: ReadImage[] = [];
  const bad: UnusedFile[] = [];
  const passedOver: UnusedFile[] = [];
  files.forEach((file, at) => {
    const verdict = verdicts[at] as Verdict;
    if (verdict.kind === 'image') images.push({ file, image: verdict.image });
    else if (verdict.kind === 'bad') bad.push({ file, why: verdict.why });
    else passedOver.push({ file, why: verdict.why });
  });
  return { images, bad, passedOver };
}

async function judge(file: ClassFile, { labels, patchPx, keep }: IntakeSettings): Promise<Verdict> {
  const bytes = file.unreadable ?? (await whyNot(file, () => readImageFile(file.path, file.name)));
  if (typeof bytes === 'string') return { kind: isMeantAsImage(file) ? 'bad' : 'passed-over', why: bytes };
  const grey = await whyNot(file, () => decodeImage(bytes, file.name));
  if (typeof grey === 'string') return { kind: 'bad', why: grey };
  const { width, height } = grey;
  if (Math.min(width, height) < patchPx) {
    return { kind: 'bad', why: `${width}x${height} pixels, smaller than a patch of ${patchPx}x${patchPx}` };
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
  return { kind: 'image', image };
}

/** The result, or why there is none, without the file's name. */
async function whyNot<T>(file: ClassFile, make: () => Promise<T>): Promise<T | string> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof TexturaError)) throw error;
    return error.message.replace(`${file.name}: `, '');
  }
}

const imageEndings = new Set(
  (
    '.jpg .jpeg .jpe .jfif .jif .png .apng .webp .gif .tif .tiff .avif .heic .heif .hif .bmp .dib .psd .jxl .jp2 .exr .hdr ' +
    '.dng .nef .arw .cr2 .cr3 .rw2 .orf .raf'
  ).split(' '),
);

/**
 * Whether a file without an image's first bytes still was meant as one. The ending never makes an image of a file; it tells a
 * photograph that failed (an error page saved as .jpg) from a text that lies beside it.
 */
export function isMeantAsImage({ name }: { readonly name: string }): boolean {
  return imageEndings.has(extname(name).toLowerCase());
}
