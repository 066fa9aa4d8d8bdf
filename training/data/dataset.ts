/** What training reads: labelled images, split by image, each checked and measured before the first epoch. */
import { createHash } from 'node:crypto';
import { meanGrey } from '../../model/image.ts';
import { defaultMaxImagePixels } from '../../model/image-kind.ts';
import { textureNames } from '../../textures/textures.ts';
import { requireUsableClasses } from './class-check.ts';
import type { DatasetImage, SkippedFile } from './dataset-image.ts';
import { scanDataFolder } from './folder.ts';
import { drawGeneratedDataset, generatedSource } from './generated.ts';
import { readImages } from './intake.ts';
import { copyNotes, inequalityNote, stretchNotes } from './notes.ts';
import { type CachedPixels, type PixelCache, startPixelCache } from './pixel-cache.ts';
import { givenSplit, inDatasetOrder, type SplitImages, splitByImage } from './split.ts';

export { type DatasetImage, type ImageSource, meanGreyOf, type SkippedFile } from './dataset-image.ts';
export { type CachedPixels, cachedImage } from './pixel-cache.ts';

export interface Dataset {
  /** The data folder as given, or `generated`. */
  readonly source: string;
  /** In code-point order (NFC), which is the output order of the network. */
  readonly labels: readonly string[];
  /** In order of label, then content. */
  readonly train: readonly DatasetImage[];
  readonly validation: readonly DatasetImage[];
  /** SHA-256 over labels, splits and content hashes; equal for equal data wherever it lies. */
  readonly fingerprint: string;
  /** The same for every seed: as `fingerprint`, with the split where the folder gives one. */
  readonly contentFingerprint: string;
  readonly skipped: readonly SkippedFile[];
  /** Sentences for the person: unequal classes, duplicates, ignored folders. */
  readonly notes: readonly string[];
  /** Decoded pixels of `[...train, ...validation]`, in that order, where they fit into the memory budget. */
  readonly pixels: CachedPixels | undefined;
}

export interface DatasetOptions {
  /** A folder, or `generated`. */
  readonly data: string;
  readonly patchPx: number;
  readonly seed: number;
  /** Share of the images of a class that is held out, unless the folder has a validation split of its own. */
  readonly validationShare: number;
  /** Memory for decoded pixels; where they do not fit, none are kept. */
  readonly cacheBytes: number;
  readonly maxImagePixels?: number;
  /** Called after each image, of `total`. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Reads, checks and splits a dataset. Bad files are listed in `skipped`, not fatal, unless they are more than a tenth of a class.
 * Errors: `data-unusable`, naming folder, classes and the first files concerned.
 */
export async function loadDataset(options: DatasetOptions): Promise<Dataset> {
  const cache = startPixelCache(options.cacheBytes);
  const { labels, split, splitIsGiven, skipped, notes } = await (options.data === generatedSource
    ? generatedContent(options, cache)
    : folderContent(options, cache));
  const { train, validation } = split;
  const whole = { train: inDatasetOrder([...train, ...validation]), validation: [] };
  return {
    source: options.data,
    labels,
    train,
    validation,
    fingerprint: fingerprintOf(labels, split),
    contentFingerprint: fingerprintOf(labels, splitIsGiven ? split : whole),
    skipped,
    notes,
    pixels: cache.pixelsOf([...train, ...validation]),
  };
}

interface Content {
  readonly labels: readonly string[];
  readonly split: SplitImages;
  readonly splitIsGiven: boolean;
  readonly skipped: readonly SkippedFile[];
  readonly notes: readonly string[];
}

/** With less, a machine with several cores would decode photographs one after another. */
const leastDecodingBytes = 64 * 2 ** 20;

async function folderContent(options: DatasetOptions, cache: PixelCache): Promise<Content> {
  const { data, patchPx, seed, validationShare, cacheBytes, onProgress } = options;
  const folder = await scanDataFolder(data);
  const { labels } = folder;
  const intake = await readImages(folder.files, {
    labels,
    patchPx,
    maxImagePixels: options.maxImagePixels ?? defaultMaxImagePixels,
    decodingBytes: Math.max(cacheBytes, leastDecodingBytes),
    keep: cache.add,
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  requireUsableClasses(folder, intake);
  const images = intake.images.map(({ image }) => image);
  const { notes: splitNotes, ...split } = folder.hasValidation
    ? givenSplit(data, intake.images, labels)
    : { ...splitByImage(data, images, { labels, seed, validationShare }), notes: [] };
  return {
    labels,
    split,
    splitIsGiven: folder.hasValidation,
    skipped: [
      ...folder.skipped.map(({ name, why }) => ({ name, why })),
      ...[...intake.passedOver, ...intake.bad].map(({ file, why }) => ({ name: file.name, why })),
    ],
    // What concerns the whole comes first: a terminal shows the first notes only.
    notes: [
      ...inequalityNote(split.train, labels),
      ...stretchNotes(intake.images),
      ...folder.notes,
      ...splitNotes,
      ...copyNotes([...split.train, ...split.validation], labels),
    ],
  };
}

async function generatedContent(options: DatasetOptions, cache: PixelCache): Promise<Content> {
  const { data, seed, validationShare, onProgress } = options;
  const images: DatasetImage[] = [];
  await drawGeneratedDataset(({ texture, index, grey }, total) => {
    const image: DatasetImage = {
      name: `${texture}/${String(index).padStart(2, '0')}`,
      source: { kind: 'generated', texture, index },
      label: textureNames.indexOf(texture),
      width: grey.width,
      height: grey.height,
      meanGrey: meanGrey(grey),
      contentHash: createHash('sha256').update(grey.data).digest('hex'),
    };
    images.push(image);
    cache.add(image, grey);
    onProgress?.(images.length, total);
  });
  const split = splitByImage(data, images, { labels: textureNames, seed, validationShare });
  return { labels: textureNames, split, splitIsGiven: false, skipped: [], notes: [] };
}

function fingerprintOf(labels: readonly string[], { train, validation }: SplitImages): string {
  const contents = (images: readonly DatasetImage[]) =>
    images.map(({ label, contentHash }) => [label, contentHash]);
  const content = JSON.stringify([labels, contents(train), contents(validation)]);
  return createHash('sha256').update(content).digest('hex');
}
