/** Image files in a body of JSON: base64 or data URLs. What a data URL says of its type is not believed; the bytes decide. */
import { TexturaError } from '../../model/error.ts';
import { imagesBodySchema } from '../../model/service.ts';

export interface JsonImageLimits {
  readonly maxImages: number;
  /** Of all images together, decoded. */
  readonly maxBytes: number;
}

/**
 * The image files of `{"image": TEXT}` or `{"images": [TEXT, ...]}`.
 * Errors: `usage` for what is not such JSON or not base64; `image-too-large` beyond the limits.
 */
export function imagesFromJson(
  body: Uint8Array,
  { maxImages, maxBytes }: JsonImageLimits,
): Uint8Array<ArrayBuffer>[] {
  const parsed = imagesBodySchema.safeParse(jsonFrom(body));
  if (!parsed.success) {
    throw new TexturaError(
      'usage',
      'body: expected {"image": BASE64} or {"images": [BASE64, ...]}, got other JSON',
    );
  }
  const texts = 'image' in parsed.data ? [parsed.data.image] : parsed.data.images;
  if (texts.length > maxImages) {
    throw new TexturaError('image-too-large', `images: expected ${maxImages} or fewer, got ${texts.length}`);
  }
  let left = maxBytes;
  return texts.map((text, i) => {
    const image = fileFrom(text, texts.length === 1 ? 'image' : `image ${i + 1}`);
    left -= image.length;
    if (left < 0)
      throw new TexturaError('image-too-large', `images: expected ${maxBytes} bytes or fewer, got more`);
    return image;
  });
}

function jsonFrom(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw new TexturaError('usage', 'body: expected JSON in UTF-8, got something else', { cause });
  }
}

/** RFC 2397's head of a data URL. */
const dataUrlHead = /^data:[^,]{0,200};base64,/i;
const percentEncoded: Readonly<Record<string, string>> = { '%2b': '+', '%2f': '/', '%3d': '=' };

function fileFrom(text: string, name: string): Uint8Array<ArrayBuffer> {
  const digits = text
    .replace(dataUrlHead, '')
    .replace(/%2b|%2f|%3d/gi, (code) => percentEncoded[code.toLowerCase()] ?? code)
    .replace(/\s+/g, '')
    .replaceAll('-', '+')
    .replaceAll('_', '/')
    .replace(/=+$/, '');
  if (digits === '' || digits.length % 4 === 1 || !/^[A-Za-z0-9+/]*$/.test(digits)) {
    throw new TexturaError('usage', `${name}: expected base64 or a data URL of base64, got other text`);
  }
  const decoded = Buffer.from(digits, 'base64');
  const own = new Uint8Array(decoded.length);
  own.set(decoded);
  return own;
}
