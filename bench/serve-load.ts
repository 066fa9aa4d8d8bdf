/** Pictures sent to a server by autocannon, and what came back. */
import autocannon from 'autocannon';
import sharp from 'sharp';
import { drawTexture } from '../model/textures/textures.ts';
import type { ServerPlan } from './serve-contenders.ts';

export interface LoadPicture {
  readonly name: string;
  readonly type: string;
  readonly bytes: Buffer;
  /** Patches that are computed of it. */
  readonly patches: number;
}

export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers other than 200, and connections that failed. */
  readonly errors: number;
}

/** The pictures of the measurement: one patch that decodes at once, and a photograph's size. */
export async function loadPictures(): Promise<readonly LoadPicture[]> {
  const [small, large] = [
    { width: 64, height: 64 },
    { width: 640, height: 480 },
  ] as const;
  const picture = ({ width, height }: { readonly width: number; readonly height: number }) =>
    sharp(drawTexture('brick', 1, 0, width, height).data, { raw: { width, height, channels: 1 } });
  return [
    {
      name: '64x64 PNG',
      type: 'image/png',
      bytes: await picture(small).toColourspace('srgb').png().toBuffer(),
      patches: 1,
    },
    {
      name: '640x480 JPEG',
      type: 'image/jpeg',
      bytes: await picture(large).toColourspace('srgb').jpeg({ quality: 90 }).toBuffer(),
      patches: 15,
    },
  ];
}

const boundary = 'textura-bench';

/** Body and headers of an upload as a server takes it. */
export function uploadOf({ upload }: ServerPlan, { type, bytes }: LoadPicture) {
  if (upload === 'raw') return { body: bytes, headers: { 'content-type': type } };
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="image"; filename="a"\r\nContent-Type: ${type}\r\n\r\n`;
  const body = Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--\r\n`)]);
  return { body, headers: { 'content-type': `multipart/form-data; boundary=${boundary}` } };
}

/** Keeps `connections` requests under way for some seconds. */
export async function load(
  plan: ServerPlan,
  port: number,
  picture: LoadPicture,
  connections: number,
  seconds: number,
): Promise<LoadResult> {
  const result = await autocannon({
    url: `http://127.0.0.1:${port}${plan.path}`,
    method: 'POST',
    ...uploadOf(plan, picture),
    connections,
    duration: seconds,
    timeout: 30,
  });
  const good = result['2xx'];
  return {
    requestsPerSecond: good / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    errors: result.errors + result.non2xx,
  };
}
