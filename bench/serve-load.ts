/** Pictures sent to a server by autocannon, and what came back. */
import autocannon from 'autocannon';
import sharp from 'sharp';
import { drawTexture } from '../textures/textures.ts';
import type { ServerPlan } from './serve-contenders.ts';
import { quantile } from './statistics.ts';

export interface LoadPicture {
  readonly name: string;
  readonly type: string;
  readonly bytes: Buffer;
  /** Patches that are computed of it. */
  readonly patches: number;
}

export interface LoadResult {
  readonly requestsPerSecond: number;
  /** NaN where nothing came. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers other than 200, and connections that failed. */
  readonly errors: number;
  /** The 99th percentile of the event loop's delay, where it can be known. */
  readonly lagMs: number | undefined;
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

/** The interval at which Node looks at its event loop, which its figures for the loop's delay include. */
const lagIntervalMs = 10;

/** The 99th percentile of our event loop's delay since it was last asked for, in ms; undefined of a peer. */
async function eventLoopLagMs({ isOurs }: ServerPlan, port: number): Promise<number | undefined> {
  if (!isOurs) return undefined;
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const seconds = /^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(text)?.[1];
  return Number(seconds) * 1000 - lagIntervalMs;
}

const boundary = 'textura-bench';

/** Body and headers of an upload as a server takes it. */
export function uploadOf({ upload }: ServerPlan, { type, bytes }: LoadPicture) {
  if (upload === 'raw') return { body: bytes, headers: { 'content-type': type } };
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="image"; filename="a"\r\nContent-Type: ${type}\r\n\r\n`;
  const body = Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--\r\n`)]);
  return { body, headers: { 'content-type': `multipart/form-data; boundary=${boundary}` } };
}

export interface Turn {
  /** Requests under way at a time. */
  readonly connections: number;
  /** Before anything counts: the connections are made then, all at once. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

/** Keeps `connections` requests under way and measures once the warm-up is over; `onAnswer` gets the bodies of all answers. */
export async function load(
  plan: ServerPlan,
  port: number,
  picture: LoadPicture,
  { connections, warmUpSeconds, seconds }: Turn,
  onAnswer?: (body: string) => void,
): Promise<LoadResult> {
  const times: number[] = [];
  let countedFrom: number | undefined;
  const begin = async () => {
    // What came before is then forgotten.
    await eventLoopLagMs(plan, port);
    countedFrom = performance.now();
  };
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const plans = { url: `http://127.0.0.1:${port}${plan.path}`, ...uploadOf(plan, picture) };
    const duration = warmUpSeconds + seconds;
    const requests = onAnswer && [{ onResponse: (_status: number, body: string) => onAnswer(body) }];
    const run = autocannon(
      { ...plans, method: 'POST', connections, duration, timeout: 30, ...(requests && { requests }) },
      (fault, found) => (fault ? reject(fault) : resolve(found)),
    );
    setTimeout(() => begin().catch(reject), warmUpSeconds * 1000);
    // Its own percentiles are whole milliseconds, and of the warm-up too.
    run.on('response', (_client, status, _bytes, responseMs) => {
      if (countedFrom !== undefined && status === 200) times.push(responseMs);
    });
  });
  const countedSeconds = (performance.now() - (countedFrom ?? Number.NaN)) / 1000;
  times.sort((a, b) => a - b);
  return {
    requestsPerSecond: times.length / countedSeconds,
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    errors: result.errors + result.non2xx,
    lagMs: await eventLoopLagMs(plan, port),
  };
}
