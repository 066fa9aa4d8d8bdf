/**
 * The requests of `npm run bench -- soak`: valid ones with known answers, invalid ones with a known status,
 * and hostile ones.
 */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { defaultMaxImagePixels } from '../model/image-kind.ts';
import { type ClassifyAnswer, classifyAnswerSchema } from '../model/service.ts';
import { decodeImage } from '../node/image-decoder.ts';
import { classify } from '../serve/classification.ts';
import type { Model } from '../serve/model.ts';
import { drawTexture, textureNames } from '../textures/textures.ts';

export interface ValidRequest {
  readonly bytes: Buffer;
  readonly model: string;
  /** The answer of `npm run classify`. */
  readonly expected: ClassifyAnswer['results'][number];
}

export type AnswerOutcome = 'correct' | 'wrong' | 'rejected' | 'failed';

/** The number of classes in an answer. */
const top = 5;
/** The portable and the throughput file differ in rounding. */
const tolerance = 1e-5;
/** The side of a square image beyond the service's default limit. */
const tooLargePx = Math.ceil(Math.sqrt(defaultMaxImagePixels)) + 1;
const sizes = [64, 65, 100, 128, 200, 333, 640] as const;
const formats = ['png', 'jpeg', 'webp'] as const;

/** Images of several sizes and formats for every model. */
export async function validRequests(models: readonly Model[]): Promise<readonly ValidRequest[]> {
  const requests: ValidRequest[] = [];
  for (const [i, width] of sizes.entries()) {
    const height = Math.max(64, Math.round(width * 0.75));
    const texture = textureNames[(i * 7) % textureNames.length] ?? 'brick';
    const drawn = sharp(drawTexture(texture, 2, i, width, height).data, {
      raw: { width, height, channels: 1 },
    });
    const bytes = await drawn
      .toColourspace('srgb')
      .toFormat(formats[i % formats.length] ?? 'png')
      .toBuffer();
    const image = await decodeImage(bytes, 'image');
    for (const model of models) {
      const { predictions, crops } = await classify(model, image, { crops: 'auto', top });
      requests.push({ bytes, model: model.name, expected: { predictions: [...predictions], crops } });
    }
  }
  return requests;
}

/** Sends the image in one of three forms (`turn` chooses) and compares the answer. */
export async function sendValid(
  address: string,
  { bytes, model, expected }: ValidRequest,
  turn: number,
): Promise<AnswerOutcome> {
  const url = `${address}/classify?top=${top}&model=${encodeURIComponent(model)}`;
  const response = await fetch(url, { method: 'POST', ...uploadOf(bytes, turn) });
  if (response.status === 503) {
    await response.arrayBuffer();
    return 'rejected';
  }
  if (response.status !== 200) return 'failed';
  const [result] = classifyAnswerSchema.parse(await response.json()).results;
  const probabilities = new Map(result?.predictions.map(({ label, probability }) => [label, probability]));
  const isCorrect =
    result?.crops === expected.crops &&
    expected.predictions.every(
      ({ label, probability }) =>
        Math.abs((probabilities.get(label) ?? Number.NaN) - probability) < tolerance,
    );
  return isCorrect ? 'correct' : 'wrong';
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
      body.append('image', new Blob([new Uint8Array(bytes)]), 'image');
      return { body };
    }
    default:
      return {
        body: JSON.stringify({ image: bytes.toString('base64') }),
        headers: { 'Content-Type': 'application/json' },
      };
  }
}

interface InvalidRequest {
  readonly body: NonNullable<RequestInit['body']>;
  readonly type: string;
  readonly query?: string;
  readonly status: number;
}

/** Common mistakes of clients, each with the expected status. */
export async function invalidRequests(image: Buffer): Promise<readonly InvalidRequest[]> {
  const blank = (width: number, height: number) =>
    sharp({ create: { width, height, channels: 3, background: '#777' } })
      .png()
      .toBuffer();
  const bytes = (buffer: Buffer) => new Uint8Array(buffer);
  return [
    { body: bytes(await blank(63, 200)), type: 'image/png', status: 422 },
    { body: bytes(image.subarray(0, image.length * 0.6)), type: 'image/png', status: 422 },
    { body: bytes(await blank(tooLargePx, tooLargePx)), type: 'image/png', status: 413 },
    { body: 'not an image', type: 'image/png', status: 415 },
    { body: '<svg xmlns="http://www.w3.org/2000/svg"/>', type: 'image/svg+xml', status: 415 },
    { body: 'text', type: 'text/plain', status: 415 },
    { body: '{"image": "!"}', type: 'application/json', status: 400 },
    { body: '{', type: 'application/json', status: 400 },
    { body: '--x--\r\n', type: 'multipart/form-data; boundary=x', status: 400 },
    { body: bytes(image), type: 'image/png', query: '?model=no-such-model', status: 404 },
    { body: bytes(image), type: 'image/png', query: '?top=0', status: 400 },
  ];
}

export async function sendInvalid(
  address: string,
  { body, type, query = '', status }: InvalidRequest,
): Promise<AnswerOutcome> {
  const response = await fetch(`${address}/classify${query}`, {
    method: 'POST',
    body,
    headers: { 'Content-Type': type },
  });
  await response.arrayBuffer();
  if (response.status === 503) return 'rejected';
  return response.status === status ? 'correct' : 'wrong';
}

/** One of six attacks (`turn` chooses). Any response is accepted; the service must survive. */
export async function sendHostile(address: string, image: Buffer, turn: number): Promise<void> {
  const head = 'POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n';
  const chunked = 'Transfer-Encoding: chunked\r\n\r\n';
  switch (turn % 6) {
    case 0: // The client disconnects.
      return postImage(address, image, AbortSignal.timeout(5)).catch(() => undefined);
    case 1: // Half a body.
      return sendRaw(address, [
        `${head}Content-Length: ${image.length}\r\n\r\n`,
        image.subarray(0, image.length / 2),
      ]);
    case 2: // Request smuggling.
      return sendRaw(address, [`${head}Content-Length: 5\r\n${chunked}0\r\n\r\n`]);
    case 3: // A chunk without an end.
      return sendRaw(address, [`${head}${chunked}`, '100000\r\n', Buffer.alloc(0x100000)]);
    case 4: {
      const damaged = image.map((byte, i) =>
        i > 8 && (i * 31 + turn) % 97 === 0 ? (byte + turn) % 256 : byte,
      );
      return postImage(address, damaged);
    }
    default: // Not HTTP.
      return sendRaw(address, [Uint8Array.from({ length: 200 }, (_, i) => (i * 37 + turn) % 256)]);
  }
}

async function postImage(address: string, image: Uint8Array, signal?: AbortSignal): Promise<void> {
  const response = await fetch(`${address}/classify`, {
    method: 'POST',
    body: new Uint8Array(image),
    headers: { 'Content-Type': 'image/png' },
    ...(signal && { signal }),
  });
  await response.arrayBuffer();
}

/** Writes the parts and closes the connection after 300 ms. */
async function sendRaw(address: string, parts: readonly (string | Uint8Array)[]): Promise<void> {
  const { hostname, port } = new URL(address);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {}).resume();
  for (const part of parts) socket.write(part);
  await sleep(300);
  socket.destroy();
}
