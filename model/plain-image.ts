/**
 * Decodes the image formats that neither the libvips that comes with sharp nor every browser supports, with
 * one decoder for the whole product.
 */
import { readBmp } from './bmp.ts';
import type { Pixels } from './image.ts';
import type { DecodedKind } from './image-kind.ts';
import { readNetpbm } from './netpbm.ts';

/**
 * The pixels of a BMP, PBM, PGM or PPM; undefined for formats with a native decoder.
 * Errors: `image-damaged`, `image-type-unsupported`, `image-too-large`, naming the image.
 */
export function readPlainImage(
  bytes: Uint8Array,
  kind: DecodedKind,
  name: string,
  maxPixels: number,
): Pixels | undefined {
  switch (kind.decoder) {
    case 'bmp':
      return readBmp(bytes, kind, name, maxPixels);
    case 'netpbm':
      return readNetpbm(bytes, kind, name, maxPixels);
    case 'native':
      return undefined;
    default:
      return kind.decoder satisfies never;
  }
}
