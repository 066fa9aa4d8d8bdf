import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { modelListSchema } from '../../model/service.ts';
import { type PrefixProxy, proxyUnderPrefix } from '../support/prefix-proxy.ts';
import { exportModels, type RunningService, runService } from '../support/running-service.ts';

interface Description {
  readonly openapi: string;
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, unknown>> }>>>
  >;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}

const hasContent = z.looseObject({ content: z.record(z.string(), z.unknown()) });

let home: string;
let running: RunningService;
let description: Description;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'textura-openapi-'));
  await exportModels(home, [{ variant: 'lab-baseline' }]);
  running = await runService(home);
  description = (await (await fetch(`${running.address}/openapi.json`)).json()) as Description;
});
afterAll(async () => {
  await running.close();
  await rm(home, { recursive: true });
});

test('the description references only schemas that it contains', () => {
  const text = JSON.stringify(description);
  const named = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name = '']) => name);
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((name) => !(name in description.components.schemas))).toEqual([]);
  expect(description.openapi).toBe('3.1.0');
});

test('every route in the description answers with a documented status', async () => {
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, { responses }] of Object.entries(methods)) {
      if (method === 'parameters') continue;
      const address = path.replace('{name}', 'lab-baseline').replace('{file}', 'lab-baseline.onnx');
      const response = await fetch(`${running.address}${address}`, { method: method.toUpperCase() });
      await response.arrayBuffer();
      expect(Object.keys(responses), `${method} ${path}`).toContain(String(response.status));
      expect(response.status === 200, `${method} ${path}`).toBe(method === 'get');
    }
  }
});

test('the description has the media types of requests and answers with binary tensors', () => {
  const types = ['application/json', 'application/octet-stream'];
  const { requestBody, responses } = z
    .looseObject({ requestBody: hasContent, responses: z.looseObject({ 200: hasContent }) })
    .parse(description.paths['/v2/models/{name}/infer']?.post);
  for (const { content } of [requestBody, responses[200]]) expect(Object.keys(content)).toEqual(types);
});

test('/docs of a service with a key names the variable that has it', async () => {
  const secured = await runService(home, {}, { TEXTURA_API_KEY: 'sixteen letters!' });
  onTestFinished(secured.close);
  const page = await (await fetch(`${secured.address}/docs`)).text();
  expect(page).toContain(' -H &quot;Authorization: Bearer $TEXTURA_API_KEY&quot; ');
});

test('/docs describes every route, needs no script and fetches nothing', async () => {
  const response = await fetch(`${running.address}/docs`);
  const page = await response.text();
  for (const path of Object.keys(description.paths)) expect(page).toContain(path);
  expect(page).toContain(` '${running.address}/classify?top=3'</pre>`);
  expect(page.replaceAll(running.address, '')).not.toMatch(/<script|src=|https?:\/\//);
  expect(response.headers.get('content-security-policy')).toContain("default-src 'self'");
});

test('the page is isolated, so that its threads can share memory', async () => {
  const { headers, status } = await fetch(`${running.address}/`);
  expect(status).toBe(200);
  expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
  expect(headers.get('cross-origin-embedder-policy')).toBe('require-corp');
  expect(headers.get('content-security-policy')).toContain("'wasm-unsafe-eval'");
});

describe('behind a proxy that serves it under a path prefix', () => {
  let proxy: PrefixProxy;
  beforeAll(async () => {
    proxy = await proxyUnderPrefix(running.address);
  });
  afterAll(() => proxy.close());
  const statusOf = async (url: URL) => (await fetch(url)).status;

  test.each(['/docs', '/docs/', '/'])('every link of %s leads to the service', async (path) => {
    const address = `${proxy.address}${path}`;
    const page = await (await fetch(address)).text();
    const links = [...page.matchAll(/(?:href|src)="([^"]+)"/g)].map(
      ([, link = '']) => new URL(link, address),
    );
    expect(links.length).toBeGreaterThan(0);
    for (const link of links) expect(await statusOf(link), link.href).toBe(200);
  });

  test('the curl command in /docs has the prefix if the proxy is trusted', async () => {
    expect(await (await fetch(`${proxy.address}/docs`)).text()).not.toContain('/tools/textura');
    const trusting = await runService(home, { trustProxyHops: 1 });
    onTestFinished(trusting.close);
    const trusted = await proxyUnderPrefix(trusting.address);
    onTestFinished(trusted.close);
    const command = async (url: string, prefix?: string) => {
      const headers = prefix === undefined ? {} : { 'X-Forwarded-Prefix': prefix };
      return /'(http.*)\?top=3'/.exec(await (await fetch(url, { headers })).text())?.[1];
    };
    expect(await command(`${trusted.address}/docs`)).toBe(`${trusted.address}/classify`);
    for (const prefix of ['//other.org', '/a b', '/a$(id)', '/a,/b', 'a'])
      expect(await command(`${trusting.address}/docs`, prefix)).toBe(`${trusting.address}/classify`);
  });

  test('the URLs in the description are those of the service', async () => {
    const document = `${proxy.address}/openapi.json`;
    const { servers, paths } = (await (await fetch(document)).json()) as Description;
    const [server] = servers;
    const root = new URL(server?.url ?? '/', document).href.replace(/\/$/, '');
    expect(root).toBe(proxy.address);
    expect(paths['/healthz']).toBeDefined();
    expect(await statusOf(new URL(`${root}/healthz`))).toBe(200);
  });

  test('the files of the models can be downloaded', async () => {
    const address = `${proxy.address}/models`;
    const { models } = modelListSchema.parse(await (await fetch(address)).json());
    const files = models.flatMap((model) => model.files);
    expect(files).toContain('models/lab-baseline.onnx');
    for (const file of files) expect(await statusOf(new URL(file, address)), file).toBe(200);
  });
});
