import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { texturaPlans } from '../../bench/serve-candidates.ts';
import { load } from '../../bench/serve-load.ts';
import { anatomySection, panelSection } from '../../bench/serve-page.ts';

const result = { requestsPerSecond: 100, p50Ms: 10, p99Ms: 20, errors: 0, lagMs: undefined };
const memoryBytes = 2 ** 20 * 300;

test('ratios are to the best peer of the round, and a server without responses has no response time', () => {
  const servers = [
    {
      name: 'ours',
      isTextura: true,
      results: [100, 300, 200].map((rate) => ({ ...result, requestsPerSecond: rate, lagMs: rate / 100 })),
      memoryBytes,
    },
    {
      name: 'fast peer',
      isTextura: false,
      results: [50, 100, 100].map((rate) => ({ ...result, requestsPerSecond: rate })),
      memoryBytes,
    },
    {
      name: 'broken peer',
      isTextura: false,
      results: [
        { ...result, requestsPerSecond: 0, p50Ms: Number.NaN, p99Ms: Number.NaN, errors: 7 },
        { ...result, requestsPerSecond: 0, p50Ms: Number.NaN, p99Ms: Number.NaN, errors: 5 },
      ],
      memoryBytes: undefined,
    },
  ];
  const panel = { image: 'an image', connections: 8, servers, bounds: [400, 400, 400] };
  const cells = panelSection(panel)
    .split('\n')
    .filter((line) => /^\| (ours|\w+ peer)/.test(line))
    .map((line) => line.split(/ *\| */).slice(1, -1));
  expect(cells).toEqual([
    ['ours', '200', '150 to 250', '2.00', '50 %', '10.0', '20.0', '0', '300 MiB'],
    ['fast peer', '100', '75 to 100', '1.00', '25 %', '10.0', '20.0', '0', '300 MiB'],
    ['broken peer', '0', '0 to 0', '0.00', '0 %', 'no answer', 'no answer', '12', ''],
  ]);
});

test('several processes are compared with one by the ratios within the rounds', () => {
  const of = (name: string, rates: readonly number[]) => ({
    name,
    isTextura: true,
    results: rates.map((rate) => ({ ...result, requestsPerSecond: rate })),
    memoryBytes,
  });
  const servers = [of('Textura', [100, 200, 400]), of('Textura, 2 processes', [150, 360, 800])];
  const panel = { image: 'an image', connections: 8, servers, bounds: [900, 900, 900] };
  expect(panelSection(panel)).toContain(
    '\n\nTextura, 2 processes: 1.80 times the requests/s of Textura (median of the ratios within the rounds).\n',
  );
  expect(texturaPlans('/models/a.onnx', [1, 2]).map(({ name, args }) => [name, args.at(-1)])).toEqual([
    ['Textura', '1'],
    ['Textura, 2 processes', '2'],
  ]);
});

test('the rest of a request is the total time without the measured stages', () => {
  const anatomy = { image: 'patch', decodeMs: 0.1, queueMs: 0, inferMs: 1.5, totalMs: 2 };
  expect(anatomySection(anatomy)).toMatch(/\| rest: .* \| +0\.40 \| +20 % \|\n/);
});

const image = { name: 'bytes', type: 'image/png', bytes: Buffer.from('image'), patches: 1 };

async function planOf(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const plan = {
    name: 'peer',
    program: '',
    args: [],
    env: {},
    cwd: '',
    path: '/classify',
    isTextura: false,
  } as const;
  return { plan: { ...plan, upload: 'raw' } as const, port };
}

test('load counts responses after the warm-up, and those other than 200 as errors', {
  timeout: 20_000,
}, async () => {
  let isWarm = false;
  setTimeout(() => {
    isWarm = true;
  }, 900);
  const bodies: string[] = [];
  const { plan, port } = await planOf((request, response) => {
    request.resume().on('end', () => {
      // Slow during the warm-up, which is not measured.
      setTimeout(() => response.end('good'), isWarm ? 5 : 300);
    });
  });
  const turn = { connections: 2, warmUpSeconds: 1, seconds: 1 };
  const good = await load(plan, port, image, turn, (body) => bodies.push(body));
  expect(good).toMatchObject({ errors: 0, lagMs: undefined });
  expect(good.requestsPerSecond).toBeGreaterThan(20);
  expect(good.p50Ms).toBeLessThan(200);
  expect(new Set(bodies)).toEqual(new Set(['good']));
  const bad = await planOf((request, response) => {
    request.resume().on('end', () => {
      response.statusCode = 503;
      response.end();
    });
  });
  const refused = await load(bad.plan, bad.port, image, { ...turn, warmUpSeconds: 0 });
  expect(refused.requestsPerSecond).toBe(0);
  expect(refused.p50Ms).toBeNaN();
  expect(refused.errors).toBeGreaterThan(0);
});
