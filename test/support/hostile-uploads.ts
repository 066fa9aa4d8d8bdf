/** Hostile requests, as tests that any form of the service passes. */
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import sharp from 'sharp';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { problemSchema } from '../../model/service.ts';
import { encoder, pngChunk, pngColourTypes, pngFile, rawPng, rgbPicture } from './pictures.ts';
import { exchangeRaw, statusesIn } from './raw-http.ts';

/** Options of the service that the corpus expects. */
export const hostileLimits = { maxImagePixels: 4_000_000, maxImages: 8, maxUploadBytes: 4_000_000 } as const;

interface Target {
  /** Of the running service. */
  readonly address: () => string;
  /** Of all its processes. */
  readonly memoryBytes: () => Promise<number>;
  /** Random mutations of files and of JSON. */
  readonly mutations: { readonly files: number; readonly json: number };
}

/** Defines the tests. */
export function hostileUploads({ address, memoryBytes, mutations }: Target): void {
  let good: Buffer;
  let goodAnswer: unknown;

  beforeAll(async () => {
    good = await pngFile(1, 70, 66);
    goodAnswer = await answerToGood();
  });

  /** After each attack: the same answer to a good image, and nothing of the attack left in flight. */
  afterEach(async () => {
    expect(await answerToGood()).toEqual(goodAnswer);
    const metrics = await (await fetch(`${address()}/metrics`)).text();
    expect(metrics).toContain('textura_images_in_flight 0');
    expect(metrics).toContain('textura_upload_bytes 0');
  });

  async function answerToGood(): Promise<unknown> {
    const response = await post(good, 'image/png');
    expect(response.status).toBe(200);
    return ((await response.json()) as { results: unknown }).results;
  }

  const post = (body: Uint8Array | string, type: string) =>
    fetch(`${address()}/classify`, {
      method: 'POST',
      body: typeof body === 'string' ? body : new Uint8Array(body),
      headers: { 'Content-Type': type },
    });

  /** Its status, where it is 400 or more its problem. */
  async function answerTo(body: Uint8Array | string, type = 'application/octet-stream') {
    const response = await post(body, type);
    const answer = await response.json();
    const { code = 'none' } = response.status < 400 ? {} : problemSchema.parse(answer);
    return [response.status, code] as const;
  }

  describe('images', () => {
    test.each([
      ['PNG', () => pngHeader(60_000, 60_000)],
      ['PNG of one colour', () => bomb('png')],
      ['JPEG', () => jpegHeader(65_500, 65_500)],
      ['JPEG of one colour', () => bomb('jpeg')],
      ['WebP of one colour', () => bomb('webp')],
      ['TIFF of one colour', () => bomb('tiff')],
      ['GIF of one colour', () => bomb('gif')],
      ['AVIF of one colour', () => bomb('avif')],
    ])('a %s that would unfold to too many pixels is refused by its header', async (_, make) => {
      const bytes = await make();
      const begin = performance.now();
      expect(await answerTo(bytes)).toEqual([413, 'image-too-large']);
      expect(performance.now() - begin).toBeLessThan(2000);
    });

    test.each([
      [
        'SVG with a remote picture',
        '<svg xmlns="http://www.w3.org/2000/svg"><image href="http://127.0.0.1:9/x.png"/></svg>',
      ],
      [
        'SVG with an entity that grows',
        '<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><svg>&b;</svg>',
      ],
      ['PDF', '%PDF-1.7 1 0 obj'],
      ['page', '<!doctype html><script>alert(1)</script>'],
      ['address', 'http://169.254.169.254/latest/meta-data'],
    ])('a %s is not an image', async (_, text) => {
      expect(await answerTo(text, 'image/svg+xml')).toEqual([415, 'image-type-unsupported']);
    });

    test('an iPhone HEIC is rejected with a solution', async () => {
      const heic = Buffer.concat([
        Buffer.from([0, 0, 0, 24]),
        Buffer.from('ftypheic\0\0\0\0mif1heic'),
        Buffer.alloc(64),
      ]);
      for (const type of ['image/heic', 'application/octet-stream']) {
        const response = await post(heic, type);
        expect(response.status).toBe(415);
        expect(problemSchema.parse(await response.json()).detail).toMatch(/HEIC.*convert it to JPEG or PNG/);
      }
    });

    test('a colour profile and metadata that decompress to a hundred megabytes are not decompressed', async () => {
      const zeros = deflateSync(Buffer.alloc(100_000_000));
      const profile = pngChunk('iCCP', Buffer.concat([Buffer.from('p\0\0'), zeros]));
      const text = pngChunk('zTXt', Buffer.concat([Buffer.from('c\0\0'), zeros]));
      const before = await memoryBytes();
      for (const chunk of [profile, text]) {
        const [status] = await answerTo(insertChunk(good, chunk), 'image/png');
        expect([200, 422]).toContain(status);
      }
      expect((await memoryBytes()) - before).toBeLessThan(150_000_000);
    });

    test('a JPEG of a thousand metadata segments is answered', async () => {
      const jpeg = await encoder(rgbPicture(70, 66, 1))
        .jpeg()
        .toBuffer();
      const segment = Buffer.concat([
        Buffer.from([0xff, 0xe1, 0x0f, 0xff]),
        Buffer.from('Exif\0\0MM\0*'),
        Buffer.alloc(4095 - 2 - 10, 0xff),
      ]);
      const [status] = await answerTo(
        Buffer.concat([jpeg.subarray(0, 2), ...Array(900).fill(segment), jpeg.subarray(2)]),
      );
      expect([200, 422]).toContain(status);
    });

    test('a picture that is also an archive or a program is a picture', async () => {
      for (const tail of ['PK\u0003\u0004 archive', '<?php echo 1; ?>', '\u007fELF']) {
        const polyglot = Buffer.concat([good, Buffer.from(tail)]);
        const response = await post(polyglot, 'image/png');
        expect(response.status).toBe(200);
        expect(((await response.json()) as { results: unknown }).results).toEqual(goodAnswer);
      }
    });

    test('any mutation of a file is classified or rejected, never an internal error', {
      timeout: 120_000,
    }, async () => {
      const picture = rgbPicture(66, 70, 2);
      const files = await Promise.all([
        encoder(picture).png().toBuffer(),
        encoder(picture).jpeg().toBuffer(),
        encoder(picture).webp().toBuffer(),
        encoder(picture).gif().toBuffer(),
        encoder(picture).tiff({ compression: 'lzw' }).toBuffer(),
        encoder(picture).avif({ effort: 0 }).toBuffer(),
      ]);
      const damage = fc.record({
        file: fc.constantFrom(...files),
        length: fc.double({ min: 0, max: 1, noNaN: true }),
        bytes: fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255)), { maxLength: 12 }),
        isCut: fc.boolean(),
      });
      await fc.assert(
        fc.asyncProperty(damage, async ({ file, length, bytes, isCut }) => {
          const damaged = Buffer.from(isCut ? file.subarray(0, Math.floor(file.length * length)) : file);
          for (const [place, value] of bytes) {
            if (damaged.length > 0) damaged[Math.floor(place * (damaged.length - 1))] = value;
          }
          const [status] = await answerTo(damaged);
          expect(damaged.length === 0 ? [400] : [200, 413, 415, 422]).toContain(status);
        }),
        { numRuns: mutations.files, seed: 7 },
      );
    });
  });

  describe('bodies', () => {
    const boundary = 'x';
    const part = (name: string, content = 'a', filename = 'f') =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="${filename}"\r\n\r\n${content}\r\n`;
    const form = (...parts: readonly string[]) =>
      answerTo(`${parts.join('')}--${boundary}--\r\n`, `multipart/form-data; boundary=${boundary}`);

    test('ten thousand parts are too many', async () => {
      expect(await form(...Array(10_000).fill(part('image')))).toEqual([413, 'image-too-large']);
    });

    test('parts without end are cut off', async () => {
      const body = part('image').repeat(100);
      expect(await answerTo(body, `multipart/form-data; boundary=${boundary}`)).toEqual([
        413,
        'image-too-large',
      ]);
      expect(await answerTo(part('image'), `multipart/form-data; boundary=${boundary}`)).toEqual([
        400,
        'usage',
      ]);
    });

    test.each([
      ['another name', part('file')],
      ['the name of a prototype', part('__proto__')],
      ['no name', `--${boundary}\r\nContent-Disposition: form-data; filename="f"\r\n\r\na\r\n`],
      [
        'a field alongside the image',
        `${part('image')}--${boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\nother\r\n`,
      ],
      ['headers without end', `--${boundary}\r\n${'X-A: b\r\n'.repeat(5000)}\r\n\r\n`],
    ])('a form with %s is malformed', async (_, text) => {
      const [status] = await form(text);
      expect(status).toBe(400);
    });

    test('a file name with a path is ignored', async () => {
      expect(await form(part('image', 'a', '../../../../etc/passwd'))).toEqual([
        415,
        'image-type-unsupported',
      ]);
    });

    test.each([
      ['no object', '[]'],
      ['nothing', 'null'],
      ['another member', '{"image": "aaaa", "model": "b"}'],
      ['the prototype', '{"__proto__": {"image": "aaaa"}}'],
      ['the prototype beside an image', '{"image": "aaaa", "__proto__": {"polluted": true}}'],
      ['both forms', '{"image": "aaaa", "images": ["aaaa"]}'],
      ['no images', '{"images": []}'],
      ['numbers for images', '{"images": [1, 2]}'],
      ['an address for an image', '{"image": "http://169.254.169.254/"}'],
      ['a file for an image', '{"image": "file:///etc/passwd"}'],
      ['a data URL that is not base64', '{"image": "data:image/png,abc"}'],
      ['text that is not base64', '{"image": "!!!!"}'],
      ['base64 of an impossible length', '{"image": "aaaaa"}'],
      ['brackets a hundred thousand deep', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
      ['objects a hundred thousand deep', `${'{"image":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
      ['bytes that are not UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
    ])('JSON with %s is malformed', async (_, body) => {
      expect(await answerTo(body, 'application/json')).toEqual([400, 'usage']);
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    });

    test('any JSON is classified or rejected', { timeout: 60_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(fc.json(), async (body) => {
          const [status] = await answerTo(body, 'application/json');
          expect(status).toBe(400);
        }),
        { numRuns: mutations.json, seed: 7 },
      );
    });
  });

  describe('connections', () => {
    const classifyHead = (headers: string) =>
      `POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n${headers}\r\n\r\n`;

    test('pipelined requests are answered in order', async () => {
      const one = [classifyHead(`X-Request-Id: first\r\nContent-Length: ${good.length}`), good];
      const two = 'GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: second\r\nConnection: close\r\n\r\n';
      const answer = await exchangeRaw(address(), [...one, two], 5000);
      expect(statusesIn(answer)).toEqual([200, 200]);
      expect(answer.indexOf('first')).toBeLessThan(answer.indexOf('second'));
    });

    test.each([
      ['two lengths', 'Content-Length: 5\r\nContent-Length: 6'],
      ['a length and chunks', 'Content-Length: 5\r\nTransfer-Encoding: chunked'],
      ['chunks and something else', 'Transfer-Encoding: chunked, identity'],
      ['chunks spelt oddly', 'Transfer-Encoding: xchunked'],
      ['a negative length', 'Content-Length: -5'],
      ['a length with a sign', 'Content-Length: +5'],
      ['a header with a space before its colon', 'Transfer-Encoding : chunked'],
      [
        'a header that continues on the next line',
        'X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: x',
      ],
    ])('a request with %s is refused and smuggles nothing', async (_, headers) => {
      const smuggled = '0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: smuggled\r\n\r\n';
      const answer = await exchangeRaw(address(), [classifyHead(headers), smuggled], 1500);
      expect(statusesIn(answer)).toEqual([400]);
      expect(answer).not.toContain('smuggled');
    });

    test.each([
      ['too many headers', `${'X-A: b\r\n'.repeat(9000)}`],
      ['a header that is too long', `X-A: ${'b'.repeat(20_000)}\r\n`],
    ])('a request with %s is refused', async (_, headers) => {
      const answer = await exchangeRaw(address(), [`GET /healthz HTTP/1.1\r\nHost: x\r\n${headers}\r\n`]);
      expect(statusesIn(answer)[0]).toBe(400);
    });

    test('input that is not HTTP is rejected', async () => {
      expect(statusesIn(await exchangeRaw(address(), ['\u0016\u0003\u0001 hello\r\n\r\n']))).toEqual([400]);
    });

    test('a client that sends too much receives the error', async () => {
      const head = classifyHead('Content-Length: 5000000');
      const answer = await exchangeRaw(address(), [head, Buffer.alloc(1_000_000)], 5000);
      expect(statusesIn(answer)).toEqual([413]);
    });

    test('chunks without end are cut off', async () => {
      const chunk = Buffer.concat([Buffer.from('80000\r\n'), Buffer.alloc(0x80000), Buffer.from('\r\n')]);
      const answer = await exchangeRaw(
        address(),
        [classifyHead('Transfer-Encoding: chunked'), ...Array(12).fill(chunk)],
        6000,
      );
      expect(statusesIn(answer)).toEqual([413]);
    });
  });
}

function pngHeader(width: number, height: number): Buffer {
  const png = rawPng(64, 64, 8, pngColourTypes.grey, Buffer.alloc(64 * 64));
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, 0], 8);
  return Buffer.concat([png.subarray(0, 8), pngChunk('IHDR', header), png.subarray(8 + 25)]);
}

async function jpegHeader(width: number, height: number): Promise<Buffer> {
  const jpeg = await encoder(rgbPicture(64, 64, 1))
    .jpeg()
    .toBuffer();
  const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
  jpeg.writeUInt16BE(height, frame + 5);
  jpeg.writeUInt16BE(width, frame + 7);
  return jpeg;
}

function bomb(format: 'png' | 'jpeg' | 'webp' | 'tiff' | 'gif' | 'avif'): Promise<Buffer> {
  const side = 2100;
  const picture = sharp({ create: { width: side, height: side, channels: 3, background: '#888' } });
  const options = format === 'avif' ? { effort: 0 } : format === 'tiff' ? { compression: 'deflate' } : {};
  return picture.toFormat(format, options).toBuffer();
}

/** Before the first chunk of pixels. */
function insertChunk(png: Buffer, chunk: Buffer): Buffer {
  const place = png.indexOf('IDAT') - 4;
  return Buffer.concat([png.subarray(0, place), chunk, png.subarray(place)]);
}
