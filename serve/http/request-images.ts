/** Reads the image files of a request: one raw image, a multipart form, or JSON with base64. */
import type { IncomingMessage } from 'node:http';
import { TexturaError } from '../../model/error.ts';
import { imageKindBytes, imageKindOf } from '../../model/image-kind.ts';
import { counted } from '../../model/words.ts';
import type { PreparationPool } from '../inference/preparation-pool.ts';
import { type BodyLimits, largestBodyBytes, wrappingBytes } from '../upload-budget.ts';
import { readBody, tooLarge, type Upload } from './body.ts';
import { headerParameter, multipartParts } from './multipart.ts';
import { excerpt } from './problem.ts';

/**
 * One or more image files. JSON is parsed in a thread of `preparation`, because it would block the event
 * loop.
 * Errors: `media-type-unsupported`, `usage` for a malformed body, `image-too-large`, and those of `readBody`.
 */
export async function readImages(
  upload: Upload,
  preparation: PreparationPool,
): Promise<readonly Uint8Array<ArrayBuffer>[]> {
  const { request, limits } = upload;
  refuseEncodings(request);
  const contentType = request.headers['content-type'] ?? '';
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  switch (type) {
    case 'multipart/form-data': {
      const boundary = headerParameter(contentType, 'boundary');
      if (!boundary) {
        throw new TexturaError('usage', `Content-Type: ${type} needs a boundary`);
      }
      const body = await readFilledBody(upload, limits.maxUploadBytes + wrappingBytes);
      return imagesFromForm(body, boundary, limits);
    }
    case 'application/json': {
      const { maxImages, maxUploadBytes: maxBytes } = limits;
      const body = await readFilledBody(upload, largestBodyBytes(maxBytes));
      return preparation.unpack(upload.client, body, { maxImages, maxBytes }, upload.signal);
    }
    default: {
      const body = await readFilledBody(upload, limits.maxUploadBytes);
      // By default curl --data-binary declares every file as application/x-www-form-urlencoded.
      const isImage = isImageType(type) || imageKindOf(body.subarray(0, imageKindBytes)) !== undefined;
      if (!isImage) throw unsupported(type);
      return [body];
    }
  }
}

/** Errors: those of `readBody`; `usage` for an empty body. */
async function readFilledBody(upload: Upload, limitBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const body = await readBody(upload, limitBytes);
  if (body.length > 0) return body;
  throw new TexturaError(
    'usage',
    'body: there is no image in it (0 bytes). With curl, send one with --data-binary @photo.jpg',
  );
}

function isImageType(type: string): boolean {
  return /^image\/[\w.+-]+$/.test(type) || type === 'application/octet-stream';
}

function unsupported(type: string): TexturaError {
  const accepted = 'image/*, application/octet-stream, multipart/form-data or application/json';
  const got = type === '' ? 'none' : excerpt(type);
  return new TexturaError(
    'media-type-unsupported',
    `Content-Type: expected ${accepted}, got ${got}, and the body is not an image`,
  );
}

/** A compressed body could expand a thousandfold, and compression does not make images smaller. */
export function refuseEncodings({ headers }: IncomingMessage): void {
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() === 'identity') return;
  throw new TexturaError(
    'media-type-unsupported',
    `Content-Encoding: ${excerpt(encoding)} is not supported; send the body uncompressed`,
  );
}

const fieldName = 'image';

/**
 * The contents of the parts named `image`, each in its own buffer. Errors: `usage` for a malformed form, other
 * parts, an empty part or none; `image-too-large` for too many images or bytes.
 */
function imagesFromForm(
  body: Uint8Array,
  boundary: string,
  limits: Pick<BodyLimits, 'maxImages' | 'maxUploadBytes'>,
): Uint8Array<ArrayBuffer>[] {
  const images: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  for (const { name, content } of multipartParts(body, boundary)) {
    if (name !== fieldName)
      throw wrongPart(name === undefined ? 'one without a name' : `one named ${excerpt(name)}`);
    if (images.length === limits.maxImages) throw tooManyImages(limits.maxImages);
    bytes += content.length;
    if (bytes > limits.maxUploadBytes) throw tooLarge(limits);
    images.push(new Uint8Array(content));
  }
  if (images.length === 0) throw wrongPart('no part');
  const empty = images.findIndex(({ length }) => length === 0);
  if (empty === -1) return images;
  const name = images.length === 1 ? 'image' : `image ${empty + 1}`;
  throw new TexturaError(
    'usage',
    `form: ${name} is empty (0 bytes). With curl, send a file with -F ${fieldName}=@photo.jpg`,
  );
}

function wrongPart(got: string): TexturaError {
  return new TexturaError('usage', `form: expected images in parts named "${fieldName}", got ${got}`);
}

function tooManyImages(maxImages: number): TexturaError {
  return new TexturaError('image-too-large', `form: more than ${counted(maxImages, 'image')}`);
}
