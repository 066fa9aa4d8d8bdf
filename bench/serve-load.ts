/** The load of the server benchmarks: autocannon sends images; response times count after a warm-up. */

import autocannon from 'autocannon';
import sharp from 'sharp';
import { quantileOf } from '../model/statistics/descriptive.ts';
import { drawTexture } from '../textures/textures.ts';
import type { ServerPlan } from './serve-candidates.ts';

export interface LoadImage {
  readonly name: string;
  readonly type: string;
  readonly bytes: Buffer;
  /** The number of patches that the model computes for it. */
  readonly patches: number;
}

/** A single patch, which decodes quickly, and an image of a photograph's size. */
export async function loadImages(): Promise<readonly LoadImage[]> {
  const draw = (width: number, height: number) =>
    sharp(drawTexture('brick', 1, 0, width, height).data, {
      raw: { width, height, channels: 1 },
    }).toColourspace('srgb');
  const [png, jpeg] = [draw(64, 64).png(), draw(640, 480).jpeg({ quality: 90 })];
  return [
    { name: '64x64 PNG', type: 'image/png', bytes: await png.toBuffer(), patches: 1 },
    { name: '640x480 JPEG', type: 'image/jpeg', bytes: await jpeg.toBuffer(), patches: 15 },
  ];
}

const boundary = 'textura-bench';

/** Body and headers of a request, in the server's form. */
export function uploadOf({ upload }: ServerPlan, { type, bytes }: LoadImage) {
  if (upload === 'raw') return { body: bytes, headers: { 'content-type': type } };
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="image"; filename="a"\r\nContent-Type: ${type}\r\n\r\n`;
  const body = Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--\r\n`)]);
  return { body, headers: { 'content-type': `multipart/form-data; boundary=${boundary}` } };
}

interface Turn {
  /** Concurrent requests. */
  readonly connections: number;
  /** Not measured; connections are opened in it. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

export interface LoadResult {
  readonly requestsPerSecond: number;
  /** NaN if no request was answered with 200. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Responses other than 200, and failed connections. */
  readonly errors: number;
  /** The 99th percentile of the event loop's delay; undefined for peers. */
  readonly lagMs: number | undefined;
}

/** Keeps `connections` requests in flight, measured after the warm-up. `onAnswer` gets each response body. */
export async function load(
  plan: ServerPlan,
  port: number,
  image: LoadImage,
  { connections, warmUpSeconds, seconds }: Turn,
  onAnswer?: (body: string) => void,
): Promise<LoadResult> {
  const times: number[] = [];
  let measuredFrom: number | undefined;
  const begin = async () => {
    // Reading the metric resets it.
    await eventLoopLagMs(plan, port);
    measuredFrom = performance.now();
  };
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const target = { url: `http://127.0.0.1:${port}${plan.path}`, ...uploadOf(plan, image) };
    const duration = warmUpSeconds + seconds;
    const requests = onAnswer && [{ onResponse: (_status: number, body: string) => onAnswer(body) }];
    const run = autocannon(
      { ...target, method: 'POST', connections, duration, timeout: 30, ...(requests && { requests }) },
      (error, found) => (error ? reject(error) : resolve(found)),
    );
    setTimeout(() => begin().catch(reject), warmUpSeconds * 1000);
    // autocannon's own percentiles are whole milliseconds and include the warm-up.
    run.on('response', (_client, status, _bytes, responseMs) => {
      if (measuredFrom !== undefined && status === 200) times.push(responseMs);
    });
  });
  const measuredSeconds = (performance.now() - (measuredFrom ?? Number.NaN)) / 1000;
  times.sort((a, b) => a - b);
  return {
    requestsPerSecond: times.length / measuredSeconds,
    p50Ms: quantileOf(times, 0.5),
    p99Ms: quantileOf(times, 0.99),
    errors: result.errors + result.non2xx,
    lagMs: await eventLoopLagMs(plan, port),
  };
}

/** Node's interval between two checks of the event loop, which its delay figures include. */
const lagIntervalMs = 10;

/** The 99th percentile since the last call, in ms; undefined for peers. */
async function eventLoopLagMs({ isTextura }: ServerPlan, port: number): Promise<number | undefined> {
  if (!isTextura) return undefined;
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const seconds = /^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(text)?.[1];
  return Number(seconds) * 1000 - lagIntervalMs;
}
