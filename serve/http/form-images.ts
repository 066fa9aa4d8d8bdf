/** The image files of a multipart form, read as it arrives and kept in memory alone. */
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { Busboy, type BusboyHeaders } from '@fastify/busboy';
import { TexturaError } from '../../model/error.ts';
import { type BodyReading, joined, readBody, tooLarge } from './body.ts';
import type { Upload } from './upload.ts';

const fieldName = 'image';

/**
 * Reads the parts named `image`. Errors: `usage` for a form that is malformed, has other parts or no image; `image-too-large` for too many
 * images or bytes; those of `readBody`.
 */
export async function imagesFromForm(request: IncomingMessage, reading: BodyReading): Promise<Upload> {
  const files: Buffer[][] = [];
  let fault: TexturaError | undefined;
  const fail = (error: TexturaError) => {
    fault ??= error;
  };
  const parser = openParser(request, reading);
  parser.on('file', (name: string, stream: Readable) => {
    const parts: Buffer[] = [];
    files.push(parts);
    if (name !== fieldName) fail(wrongPart());
    stream.on('data', (part: Buffer) => {
      // The parser's parts are views of what arrived; a fault keeps none of them.
      if (fault === undefined) parts.push(part);
    });
    stream.on('limit', () => fail(tooLarge(reading.limits)));
    stream.on('error', () => {});
  });
  parser.on('field', () => fail(wrongPart()));
  parser.on('filesLimit', () => fail(tooManyImages(reading)));
  parser.on('partsLimit', () => fail(tooManyImages(reading)));
  parser.on('fieldsLimit', () => fail(wrongPart()));
  const finished = new Promise<void>((resolve) => {
    parser.on('finish', resolve);
    parser.on('error', (cause: unknown) => {
      fail(
        new TexturaError('usage', 'form: expected whole multipart/form-data, got a malformed body', {
          cause,
        }),
      );
      resolve();
    });
  });
  const heldBytes = await readBody(request, reading, (part) => {
    if (fault !== undefined) throw fault;
    parser.write(part);
  });
  parser.end();
  await finished;
  try {
    return { images: imagesOf(files, fault, reading), heldBytes };
  } catch (error) {
    reading.budget.giveBack(heldBytes);
    throw error;
  }
}

function openParser(request: IncomingMessage, { limits }: BodyReading) {
  try {
    return new Busboy({
      headers: request.headers as BusboyHeaders,
      limits: {
        files: limits.maxImages,
        fileSize: limits.maxUploadBytes,
        fields: 1,
        fieldSize: 1024,
        parts: limits.maxImages + 1,
        headerPairs: 16,
        headerSize: 8192,
      },
    });
  } catch (cause) {
    throw new TexturaError('usage', 'Content-Type: expected a boundary of the form, got none', { cause });
  }
}

function imagesOf(
  files: readonly (readonly Buffer[])[],
  fault: TexturaError | undefined,
  { limits }: BodyReading,
): Uint8Array<ArrayBuffer>[] {
  if (fault !== undefined) throw fault;
  if (files.length === 0)
    throw new TexturaError('usage', `form: expected parts named ${fieldName}, got none`);
  const bytes = files.flat().reduce((sum, { length }) => sum + length, 0);
  if (bytes > limits.maxUploadBytes) throw tooLarge(limits);
  return files.map((parts) => joined(parts));
}

function wrongPart(): TexturaError {
  return new TexturaError('usage', `form: expected files in parts named ${fieldName}, got another part`);
}

function tooManyImages({ limits }: BodyReading): TexturaError {
  return new TexturaError('image-too-large', `form: expected ${limits.maxImages} images or fewer, got more`);
}
