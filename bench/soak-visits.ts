/** What visits the service in `npm run bench -- soak`: good requests whose answers are known, bad ones whose status is, and hostile ones. */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { type ClassifyAnswer, classifyAnswerSchema } from '../model/service.ts';
import { decodeImage } from '../node/image-decoder.ts';
import { classify } from '../serve/classification.ts';
import type { Model } from '../serve/model.ts';
import { drawTexture, textureNames } from '../textures/textures.ts';

export interface GoodVisit {
  readonly bytes: Buffer;
  readonly model: string;
  /** What `npm run classify` answers. */
  readonly expected: ClassifyAnswer['results'][number];
}

export type Outcome = 'right' | 'wrong' | 'refused' | 'broken';

/** As many classes as are told and compared. */
const top = 5;
/** The portable and the throughput file multiply in other forms. */
const tolerance = 1e-5;
const sizes = [64, 65, 100, 128, 200, 333, 640] as const;
const formats = ['png', 'jpeg', 'webp'] as const;

/** Pictures of several sizes and formats with the answers of each model. */
export async function goodVisits(models: readonly Model[]): Promise<readonly GoodVisit[]> {
  const visits: GoodVisit[] = [];
  for (const [i, width] of sizes.entries()) {
    const height = Math.max(64, Math.round(width * 0.75));
    const texture = textureNames[(i * 7) % textureNames.length] ?? 'brick';
    const picture = sharp(drawTexture(texture, 2, i, width, height).data, {
      raw: { width, height, channels: 1 },
    });
    const bytes = await picture
      .toColourspace('srgb')
      .toFormat(formats[i % formats.length] ?? 'png')
      .toBuffer();
    const image = await decodeImage(bytes, 'picture');
    for (const model of models) {
      const { predictions, crops } = await classify(model, image, { crops: 'auto', top });
      visits.push({ bytes, model: model.name, expected: { predictions: [...predictions], crops } });
    }
  }
  return visits;
}

/** Sends a picture in one of the three forms and compares the answer. */
export async function visitWell(
  address: string,
  { bytes, model, expected }: GoodVisit,
  turn: number,
): Promise<Outcome> {
  const url = `${address}/classify?top=${top}&model=${encodeURIComponent(model)}`;
  const response = await fetch(url, { method: 'POST', ...uploadOf(bytes, turn) });
  if (response.status === 503) {
    await response.arrayBuffer();
    return 'refused';
  }
  if (response.status !== 200) return 'broken';
  const [result] = classifyAnswerSchema.parse(await response.json()).results;
  const probabilities = new Map(result?.predictions.map(({ label, probability }) => [label, probability]));
  const isRight =
    result?.crops === expected.crops &&
    expected.predictions.every(
      ({ label, probability }) =>
        Math.abs((probabilities.get(label) ?? Number.NaN) - probability) < tolerance,
    );
  return isRight ? 'right' : 'wrong';
}

function uploadOf(
  bytes: Buffer,
  turn: number,
): { readonly body: NonNullable<RequestInit['body']>; readonly headers?: Record<string, string> } {
  switch (turn % 3) {
    case 0:
      return { body: new Uint8Array(bytes), headers: { 'Content-Type': 'application/octet-stream' } };
    case 1: {
      const body = new FormData();
      body.append('image', new Blob([new Uint8Array(bytes)]), 'picture');
      return { body };
    }
    default:
      return {
        body: JSON.stringify({ image: bytes.toString('base64') }),
        headers: { 'Content-Type': 'application/json' },
      };
  }
}

interface BadVisit {
  readonly body: NonNullable<RequestInit['body']>;
  readonly type: string;
  readonly query?: string;
  readonly status: number;
}

/** Mistakes that people make, each with the status that it deserves. */
export async function badVisits(good: Buffer): Promise<readonly BadVisit[]> {
  const blank = (width: number, height: number) =>
    sharp({ create: { width, height, channels: 3, background: '#777' } })
      .png()
      .toBuffer();
  const bytes = (buffer: Buffer) => new Uint8Array(buffer);
  return [
    { body: bytes(await blank(63, 200)), type: 'image/png', status: 422 },
    { body: bytes(good.subarray(0, good.length * 0.6)), type: 'image/png', status: 422 },
    { body: bytes(await blank(8000, 8000)), type: 'image/png', status: 413 },
    { body: 'not a picture', type: 'image/png', status: 415 },
    { body: '<svg xmlns="http://www.w3.org/2000/svg"/>', type: 'image/svg+xml', status: 415 },
    { body: 'text', type: 'text/plain', status: 415 },
    { body: '{"image": "!"}', type: 'application/json', status: 400 },
    { body: '{', type: 'application/json', status: 400 },
    { body: '--x--\r\n', type: 'multipart/form-data; boundary=x', status: 400 },
    { body: bytes(good), type: 'image/png', query: '?model=no-such-model', status: 404 },
    { body: bytes(good), type: 'image/png', query: '?top=0', status: 400 },
  ];
}

export async function visitBadly(
  address: string,
  { body, type, query = '', status }: BadVisit,
): Promise<Outcome> {
  const response = await fetch(`${address}/classify${query}`, {
    method: 'POST',
    body,
    headers: { 'Content-Type': type },
  });
  await response.arrayBuffer();
  if (response.status === 503) return 'refused';
  return response.status === status ? 'right' : 'wrong';
}

/** One of several things that nobody should do; what comes of it is the service's affair, as long as it goes on. */
export async function visitHostilely(address: string, good: Buffer, turn: number): Promise<void> {
  const head = `POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n`;
  const length = `Content-Length: ${good.length}\r\n\r\n`;
  switch (turn % 6) {
    case 0:
      return abortedUpload(address, good);
    case 1:
      return rawVisit(address, [head + length, good.subarray(0, good.length / 2)], 300);
    case 2:
      return rawVisit(
        address,
        [`${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
        300,
      );
    case 3:
      return rawVisit(
        address,
        [`${head}Transfer-Encoding: chunked\r\n\r\n`, '100000\r\n', Buffer.alloc(0x100000)],
        300,
      );
    case 4:
      return fuzzedUpload(address, good, turn);
    default:
      return rawVisit(
        address,
        [Buffer.from(Array.from({ length: 200 }, (_, i) => (i * 37 + turn) % 256))],
        300,
      );
  }
}

async function abortedUpload(address: string, good: Buffer): Promise<void> {
  const signal = AbortSignal.timeout(5);
  const headers = { 'Content-Type': 'image/png' };
  const request = fetch(`${address}/classify`, {
    method: 'POST',
    body: new Uint8Array(good),
    headers,
    signal,
  });
  await request.then((response) => response.arrayBuffer()).catch(() => undefined);
}

async function fuzzedUpload(address: string, good: Buffer, turn: number): Promise<void> {
  const damaged = Uint8Array.from(good, (byte, i) =>
    i > 8 && (i * 31 + turn) % 97 === 0 ? (byte + turn) % 256 : byte,
  );
  const headers = { 'Content-Type': 'image/png' };
  const response = await fetch(`${address}/classify`, { method: 'POST', body: damaged, headers });
  await response.arrayBuffer();
}

async function rawVisit(
  address: string,
  parts: readonly (string | Uint8Array)[],
  patienceMs: number,
): Promise<void> {
  const { hostname, port } = new URL(address);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {}).resume();
  for (const part of parts) socket.write(part);
  await sleep(patienceMs);
  socket.destroy();
}
