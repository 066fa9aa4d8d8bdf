import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ClassifyAnswer, classifyAnswerSchema } from '../../model/service.ts';
import { decodeImage } from '../../node/image-decoder.ts';
import { classify } from '../../serve/classification.ts';
import { Model } from '../../serve/model.ts';
import { bmpOfRgb } from '../support/bmp.ts';
import { rawFiles } from '../support/camera-raw.ts';
import { encoder, pgmOf16, pngFile, ppmOfRgb, rgbPicture } from '../support/pictures.ts';
import {
  askService,
  exportModels,
  problemOf,
  type RunningService,
  runService,
  type ServiceAnswer,
} from '../support/running-service.ts';
import { tolerances } from '../tolerances.ts';

let home: string;
let running: RunningService;
let model: Model;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'textura-serve-'));
  await exportModels(join(home, 'models'), [
    { variant: 'lab-baseline' },
    { variant: 'no-conv4-pool4', labels: ['a', 'b', 'c'] },
  ]);
  model = await Model.load(join(home, 'models/lab-baseline.onnx'));
  running = await runService(join(home, 'models'), { maxUploadBytes: 400_000, maxImages: 4 });
});

afterAll(async () => {
  await running.close();
  await model.close();
  await rm(home, { recursive: true });
});

const ask = (path: string, init?: RequestInit) => askService(running, path, init);
const raw = (bytes: Uint8Array, query = '', type = 'image/png') =>
  ask(`/classify${query}`, {
    method: 'POST',
    body: new Uint8Array(bytes),
    headers: { 'Content-Type': type },
  });
const json = (value: unknown, query = '') =>
  ask(`/classify${query}`, {
    method: 'POST',
    body: JSON.stringify(value),
    headers: { 'Content-Type': 'application/json' },
  });
const form = (images: readonly Uint8Array[], name = 'image') => {
  const body = new FormData();
  for (const bytes of images) body.append(name, new Blob([new Uint8Array(bytes)]), 'photo');
  return ask('/classify?top=6', { method: 'POST', body });
};
const resultsOf = ({ status, body }: ServiceAnswer): ClassifyAnswer['results'] => {
  expect(status, JSON.stringify(body)).toBe(200);
  return classifyAnswerSchema.parse(body).results;
};
/** What `npm run classify` answers. */
const classified = async (bytes: Uint8Array, crops: 'auto' | 'center' = 'auto') =>
  classify(model, await decodeImage(bytes, 'image'), { crops, top: 6 });

describe('POST /classify', () => {
  test.each([
    ['64x64 PNG', () => pngFile(1, 64, 64), 'auto'],
    ['125x120 PNG of four patches', () => pngFile(2, 125, 120), 'auto'],
    [
      'JPEG',
      () =>
        encoder(rgbPicture(70, 66, 3))
          .jpeg()
          .toBuffer(),
      'auto',
    ],
    ['BMP', () => bmpOfRgb(rgbPicture(70, 66, 3)), 'auto'],
    ['PPM', () => ppmOfRgb(rgbPicture(70, 66, 3)), 'auto'],
    [
      '12-bit PGM',
      () =>
        pgmOf16(
          Uint16Array.from({ length: 64 * 64 }, (__, i) => (i * 61) % 4096),
          64,
        ),
      'auto',
    ],
    ['its middle alone', () => pngFile(4, 333, 222), 'center'],
  ] as const)('answers a %s to the bit as npm run classify does', async (_, make, crops) => {
    const bytes = await make();
    const expected = await classified(bytes, crops);
    expect(resultsOf(await raw(bytes, `?top=6&crops=${crops}`))).toEqual([expected]);
  });

  test('gives the same result for fifteen patches with the throughput file as npm run classify with the portable one', async () => {
    const bytes = await pngFile(5, 333, 222);
    const [result] = resultsOf(await raw(bytes, '?top=6'));
    const expected = await classified(bytes);
    expect(result?.crops).toBe(expected.crops);
    const byLabel = new Map(result?.predictions.map(({ label, probability }) => [label, probability]));
    for (const { label, probability } of expected.predictions) {
      expect(Math.abs((byLabel.get(label) ?? Number.NaN) - probability)).toBeLessThan(
        tolerances.servedProbability,
      );
    }
  });

  test('answers images of one request in order, in every form of upload', async () => {
    const images = await Promise.all([pngFile(6, 64, 64), pngFile(7, 64, 80), pngFile(8, 70, 64)]);
    const expected = await Promise.all(images.map((bytes) => classified(bytes)));
    const texts = images.map((bytes) => Buffer.from(bytes).toString('base64'));
    const answers = [await form(images), await json({ images: texts }, '?top=6')];
    for (const answer of answers) {
      for (const [i, { predictions, crops }] of resultsOf(answer).entries()) {
        expect(crops).toBe(expected[i]?.crops);
        expect(predictions[0]?.label).toBe(expected[i]?.predictions[0]?.label);
        expect(predictions[0]?.probability).toBeCloseTo(expected[i]?.predictions[0]?.probability ?? 0, 5);
      }
    }
  });

  test('gives each image its own result when sixty-four arrive at once', async () => {
    const images = await Promise.all(Array.from({ length: 64 }, (_, i) => pngFile(i, 64 + (i % 3), 64)));
    const expected = await Promise.all(images.map((bytes) => classified(bytes)));
    const answers = await Promise.all(images.map((bytes) => raw(bytes, '?top=6')));
    for (const [i, answer] of answers.entries()) {
      const [result] = resultsOf(answer);
      const own = new Map(expected[i]?.predictions.map(({ label, probability }) => [label, probability]));
      for (const { label, probability } of result?.predictions ?? []) {
        expect(Math.abs((own.get(label) ?? Number.NaN) - probability)).toBeLessThan(
          tolerances.servedProbability,
        );
      }
    }
  });

  test('returns the model, its hash and the times', async () => {
    const answer = classifyAnswerSchema.parse(
      (await raw(await pngFile(9, 64, 64), '?model=no-conv4-pool4&top=1')).body,
    );
    const index = JSON.parse(await readFile(join(home, 'models/index.json'), 'utf8'));
    expect(answer.model).toEqual({
      name: 'no-conv4-pool4',
      sha256: index.models.find(({ name }: { name: string }) => name === 'no-conv4-pool4').sha256,
    });
    expect(answer.results[0]?.predictions).toHaveLength(1);
    expect(['a', 'b', 'c']).toContain(answer.results[0]?.predictions[0]?.label);
  });

  test.each([
    ['bare', (text: string) => text],
    ['a data URL of the wrong type', (text: string) => `data:image/jpeg;base64,${text}`],
    ['URL-safe', (text: string) => text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')],
    ['broken into lines', (text: string) => text.replace(/.{76}/g, '$&\r\n')],
    ['percent-encoded', (text: string) => encodeURIComponent(text)],
  ])('reads base64 that is %s', async (_, write) => {
    const bytes = await pngFile(10, 65, 64);
    const text = write(Buffer.from(bytes).toString('base64'));
    expect(resultsOf(await json({ image: text }, '?top=6'))).toEqual([await classified(bytes)]);
  });

  test('counts the bytes of images equally in every form of upload', async () => {
    const inside = await sizedPng(399_000);
    const beyond = await sizedPng(401_000);
    const forms = [
      raw,
      (bytes: Uint8Array) => form([bytes]),
      (bytes: Uint8Array) => json({ image: Buffer.from(bytes).toString('base64') }),
    ];
    for (const send of forms) {
      expect((await send(inside)).status).toBe(200);
      expect(problemOf(await send(beyond))).toMatchObject({ status: 413, code: 'image-too-large' });
    }
  });

  test.each([
    ['63x200 picture', () => pngFile(11, 63, 200), 422, 'image-too-small', /63x200.*64/],
    [
      'cut JPEG',
      async () =>
        half(
          await encoder(rgbPicture(300, 200, 1))
            .jpeg()
            .toBuffer(),
        ),
      422,
      'image-damaged',
      /JPEG/,
    ],
    ['text', async () => Buffer.from('hello'), 415, 'image-type-unsupported', /image/],
    [
      'Nikon raw',
      async () => rawFiles['Nikon raw'] as Buffer,
      415,
      'image-type-unsupported',
      /Nikon raw.*JPEG/,
    ],
    ['Sony raw', async () => rawFiles['Sony raw'] as Buffer, 415, 'image-type-unsupported', /Sony raw.*JPEG/],
    ['cut BMP', async () => half(bmpOfRgb(rgbPicture(70, 66, 1))), 422, 'image-damaged', /BMP/],
    ['cut PPM', async () => half(ppmOfRgb(rgbPicture(70, 66, 1))), 422, 'image-damaged', /PPM/],
  ] as const)('answers a %s with its own problem', async (_, make, status, code, detail) => {
    const answer = problemOf(await raw(await make()));
    expect(answer).toMatchObject({ status, code });
    expect(answer.detail).toMatch(detail);
  });

  test('names the image of several that cannot be used', async () => {
    const answer = problemOf(await form([await pngFile(1), await pngFile(2, 60, 70), await pngFile(3)]));
    expect(answer).toMatchObject({ status: 422, code: 'image-too-small' });
    expect(answer.detail).toMatch(/^image 2: /);
  });

  test.each([
    ['?model=other', 404, 'model-not-found'],
    ['?model=../models/lab-baseline', 404, 'model-not-found'],
    ['?model=%00', 404, 'model-not-found'],
    ['?model=__proto__', 404, 'model-not-found'],
    ['?top=0', 400, 'usage'],
    ['?top=many', 400, 'usage'],
    ['?top=1&top=2', 400, 'usage'],
    ['?crops=all', 400, 'usage'],
    ['?tops=3', 400, 'usage'],
  ])('answers the address %s with %i', async (query, status, code) => {
    expect(problemOf(await raw(await pngFile(1), query))).toMatchObject({ status, code });
  });

  test.each([
    ['?top=0', 'parameter top: expected 1 or more, got "0" (parameters are model, top, crops)'],
    [
      '?top=x%1B%0A',
      'parameter top: expected a number, got "x\\u001b\\n" (parameters are model, top, crops)',
    ],
    [
      '?crops=all',
      'parameter crops: expected one of auto, center, got "all" (parameters are model, top, crops)',
    ],
    ['?tops=3', 'parameter tops: unknown (parameters are model, top, crops)'],
  ])('says of the address %s what is wrong, in words', async (query, detail) => {
    expect(problemOf(await raw(await pngFile(1), query)).detail).toBe(detail);
  });

  test.each([
    ['no type', undefined, 415],
    ['a type of something else', 'text/plain', 415],
    ['a form without a boundary', 'multipart/form-data', 400],
    ['JSON that is none', 'application/json', 400],
  ])('refuses a body of %s', async (_, type, status) => {
    const headers: Record<string, string> = type === undefined ? {} : { 'Content-Type': type };
    expect(
      problemOf(await ask('/classify', { method: 'POST', body: new Uint8Array([1, 2, 3]), headers })).status,
    ).toBe(status);
  });

  test.each([
    'image/png',
    'application/x-www-form-urlencoded',
    'application/json',
    'multipart/form-data; boundary=x',
    undefined,
  ])('says of a request without a body, of type %s, how to send an image', async (type) => {
    const headers: Record<string, string> = type === undefined ? {} : { 'Content-Type': type };
    const bodies = [undefined, new Uint8Array()];
    for (const body of bodies) {
      const answer = await ask('/classify', { method: 'POST', headers, ...(body && { body }) });
      expect(problemOf(answer)).toMatchObject({
        status: 400,
        code: 'usage',
        detail: 'body: there is no image in it (0 bytes). With curl, send one with --data-binary @photo.jpg',
      });
    }
  });

  test('says which image of a form or of JSON is empty, and how to send one', async () => {
    const png = await pngFile(1);
    const text = Buffer.from(png).toString('base64');
    const nothing = new Uint8Array();
    const inForm = 'is empty (0 bytes). With curl, send a file with -F image=@photo.jpg';
    const inJson = 'there is no image in the text; expected a file as base64 or as a data URL';
    const answers = [
      [await form([nothing]), `form: image ${inForm}`],
      [await form([png, nothing, png]), `form: image 2 ${inForm}`],
      [await json({ image: '' }), `image: ${inJson}`],
      [await json({ images: [text, 'data:image/png;base64,'] }), `image 2: ${inJson}`],
    ] as const;
    for (const [answer, detail] of answers)
      expect(problemOf(answer)).toMatchObject({ status: 400, code: 'usage', detail });
    expect(problemOf(await json({ images: [] })).detail).toContain('with at least one image');
  });

  test.each([
    ['curl --data-binary', 'application/x-www-form-urlencoded'],
    ['a client that says nothing', undefined],
    ['a client that says something else', 'text/plain; charset=utf-8'],
  ])('takes an image of every kind for what it is from %s', async (_, type) => {
    const headers: Record<string, string> = type === undefined ? {} : { 'Content-Type': type };
    const picture = encoder(rgbPicture(64, 64, 1));
    for (const kind of ['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const) {
      const bytes = await picture.clone().toFormat(kind).toBuffer();
      const expected = resultsOf(await raw(bytes, '?top=6', `image/${kind}`));
      const body = new Uint8Array(bytes);
      expect(resultsOf(await ask('/classify?top=6', { method: 'POST', body, headers })), kind).toEqual(
        expected,
      );
    }
  });

  test('names an unsupported content type', async () => {
    const detailOf = async (type: string, body: string | FormData, more: Record<string, string> = {}) => {
      const headers = { ...(type === '' ? {} : { 'Content-Type': type }), ...more };
      return problemOf(await ask('/classify', { method: 'POST', body, headers })).detail;
    };
    expect(await detailOf('text/csv', 'a,b')).toMatch(
      /^Content-Type: expected .*, got "text\/csv", and the body/,
    );
    expect(await detailOf('image/png', 'a', { 'Content-Encoding': 'br' })).toMatch(
      /"br" is not supported; send the body un/,
    );
    const form = new FormData();
    form.append('photo\u202e', new Blob(['a']), 'a.jpg');
    expect(await detailOf('', form)).toBe(
      'form: expected images in parts named "image", got one named "photo\\u202e"',
    );
    expect(problemOf(await ask('/nothing/here')).detail).toContain('no route "/nothing/here"');
    expect(problemOf(await ask('/classify')).detail).toBe('method: expected POST, got GET');
  });

  test('rejects a compressed body', async () => {
    const headers = { 'Content-Type': 'image/png', 'Content-Encoding': 'gzip' };
    const answer = await ask('/classify', { method: 'POST', body: new Uint8Array([1]), headers });
    expect(problemOf(answer)).toMatchObject({ status: 415, code: 'media-type-unsupported' });
  });
});

function half(bytes: Buffer): Buffer {
  return bytes.subarray(0, bytes.length * 0.6);
}

/** A PNG of 64x64 with a text chunk that brings it to a size. */
async function sizedPng(size: number): Promise<Buffer> {
  const png = await pngFile(13, 64, 64);
  await writeFile(join(home, 'sized.png'), png);
  const { pngChunk } = await import('../support/pictures.ts');
  const end = png.length - 12;
  const filler = pngChunk('tEXt', Buffer.alloc(size - png.length - 12, 97));
  return Buffer.concat([png.subarray(0, end), filler, png.subarray(end)]);
}

test('the pictures of these tests can be decoded', async () => {
  expect((await sharp(await sizedPng(300_000)).metadata()).width).toBe(64);
});
