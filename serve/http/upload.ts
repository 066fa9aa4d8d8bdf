/** The image files of a request, by the type of its body: one image as it is, a form of several, or JSON with base64. */
import type { IncomingMessage } from 'node:http';
import { TexturaError } from '../../model/error.ts';
import type { PreparationPool } from '../inference/preparation-pool.ts';
import { type BodyBudget, type BodyLimits, joined, readBody, tooLarge } from './body.ts';
import { imagesFromForm } from './form-images.ts';

export interface UploadReading {
  readonly limits: BodyLimits;
  readonly budget: BodyBudget;
  readonly signal: AbortSignal;
  readonly client: string;
  /** Unpacks JSON, which takes too long for the thread that answers. */
  readonly preparation: PreparationPool;
}

export interface Upload {
  /** One or more image files. */
  readonly images: readonly Uint8Array<ArrayBuffer>[];
  /** Of the budget, to be given back when the request is answered. */
  readonly heldBytes: number;
}

/** Room for what is no image in a form or in JSON. */
const wrappingBytes = 64 * 1024;

/** Errors: `media-type-unsupported`, `usage` for a body that is malformed, and those of `readBody`. */
export async function readUpload(request: IncomingMessage, reading: UploadReading): Promise<Upload> {
  refuseEncodings(request);
  switch (bodyKind(request.headers['content-type'])) {
    case 'image':
      return readImage(request, reading);
    case 'form':
      return imagesFromForm(request, {
        ...reading,
        limitBytes: reading.limits.maxUploadBytes + wrappingBytes,
      });
    case 'json':
      return readJson(request, reading);
  }
}

const accepted = 'image/*, application/octet-stream, multipart/form-data or application/json';

function bodyKind(contentType = ''): 'image' | 'form' | 'json' {
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  if (/^image\/[\w.+-]+$/.test(type) || type === 'application/octet-stream') return 'image';
  if (type === 'multipart/form-data') return 'form';
  if (type === 'application/json') return 'json';
  throw new TexturaError(
    'media-type-unsupported',
    `Content-Type: expected ${accepted}, got ${type === '' ? 'none' : 'another type'}`,
  );
}

/** A compressed body could be a thousand times larger than it arrives; images gain nothing by it. */
function refuseEncodings({ headers }: IncomingMessage): void {
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() === 'identity') return;
  throw new TexturaError('media-type-unsupported', 'Content-Encoding: expected none, got a compressed body');
}

async function readImage(request: IncomingMessage, reading: UploadReading): Promise<Upload> {
  const { body, heldBytes } = await collect(request, reading, reading.limits.maxUploadBytes);
  return { images: [body], heldBytes };
}

async function readJson(request: IncomingMessage, reading: UploadReading): Promise<Upload> {
  const { limits, client, preparation, signal, budget } = reading;
  // Base64 takes four letters for three bytes, and as data in an address a sign may take three letters.
  const { body, heldBytes } = await collect(request, reading, 2 * limits.maxUploadBytes + wrappingBytes);
  try {
    const { maxImages, maxUploadBytes: maxBytes } = limits;
    return { images: await preparation.unpack(client, body, { maxImages, maxBytes }, signal), heldBytes };
  } catch (error) {
    budget.giveBack(heldBytes);
    throw error instanceof TexturaError && error.code === 'image-too-large' ? tooLarge(limits) : error;
  }
}

/** The body as it is. Errors: `media-type-unsupported` for a compressed one, and those of `readBody`. */
export function readWhole(
  request: IncomingMessage,
  reading: UploadReading,
): Promise<{ readonly body: Uint8Array<ArrayBuffer>; readonly heldBytes: number }> {
  refuseEncodings(request);
  return collect(request, reading, reading.limits.maxUploadBytes + wrappingBytes);
}

async function collect(
  request: IncomingMessage,
  { limits, budget, signal }: UploadReading,
  limitBytes: number,
): Promise<{ readonly body: Uint8Array<ArrayBuffer>; readonly heldBytes: number }> {
  const parts: Buffer[] = [];
  const heldBytes = await readBody(request, { limits, limitBytes, budget, signal }, (part) =>
    parts.push(part),
  );
  return { body: joined(parts), heldBytes };
}
