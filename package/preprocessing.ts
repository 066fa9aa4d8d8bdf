/**
 * `textura/preprocessing`: from the bytes of an image to the patches that a network reads, with the same
 * result as in training, in the service and on the page.
 *
 *     const image = await decodeImage(await readFile('photo.jpg'), 'photo.jpg');
 *     const patch = new Uint8Array(patchBytes);
 *     for (const position of patchGrid(image.width, image.height, 64)) cutPatch(image, position, 64, patch);
 */
export { type GreyImage, greyFromPixels, type Pixels } from '../model/image.ts';
export { centrePatch, cutPatch, inputPx, type PatchPosition, patchBytes, patchGrid } from '../model/patch.ts';
export { type DecodeLimits, decodeImage } from '../node/image-decoder.ts';
export { readImageFile } from '../node/image-file.ts';
