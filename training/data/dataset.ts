/** What training reads: labelled images, split by image, each checked and measured before the first epoch. */
import type { GreyImage } from '../../model/image.ts';

/** Where an image's pixels come from. Plain data, so that it can be sent to a worker thread. */
export type ImageSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'generated'; readonly texture: string; readonly index: number };

export interface DatasetImage {
  /** For people: the path relative to the data folder, or the generated image's name. */
  readonly name: string;
  readonly source: ImageSource;
  /** Index into the dataset's labels. */
  readonly label: number;
  readonly width: number;
  readonly height: number;
  /** SHA-256 of the file's bytes, hexadecimal. */
  readonly contentHash: string;
}

export interface SkippedFile {
  readonly name: string;
  readonly why: string;
}

export interface Dataset {
  /** The data folder as given, or `generated`. */
  readonly source: string;
  /** In code-point order (NFC), which is the output order of the network. */
  readonly labels: readonly string[];
  readonly train: readonly DatasetImage[];
  readonly validation: readonly DatasetImage[];
  /** SHA-256 over labels, splits and content hashes; equal for equal data wherever it lies. */
  readonly fingerprint: string;
  readonly skipped: readonly SkippedFile[];
  /** Sentences for the person: unequal classes, duplicates, ignored folders. */
  readonly notes: readonly string[];
  /** Decoded pixels of `[...train, ...validation]`, in that order, where they fit into the memory budget. */
  readonly pixels: CachedPixels | undefined;
}

/** All images' grey bytes behind each other in memory that threads share. */
export interface CachedPixels {
  readonly buffer: SharedArrayBuffer;
  /** Where each image starts. */
  readonly offsets: readonly number[];
}

/** A view of one cached image. */
export function cachedImage(
  { buffer, offsets }: CachedPixels,
  index: number,
  { width, height }: DatasetImage,
): GreyImage {
  return { data: new Uint8Array(buffer, offsets[index], width * height), width, height };
}
