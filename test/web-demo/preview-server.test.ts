import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PreviewServer, preview } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PageServer, startPageServer } from '../../bench/web/page-server.ts';

const configFile = fileURLToPath(new URL('../../web-demo/vite.config.ts', import.meta.url));

interface Answer {
  readonly status: number;
  readonly type: string | undefined;
  readonly text: string;
}

/** Requests a path unchanged; fetch would resolve its dots. */
function ask(origin: string, path: string): Promise<Answer> {
  const { port } = new URL(origin);
  return new Promise((resolve, reject) => {
    request({ host: 'localhost', port, path }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response;
        resolve({ status, type: headers['content-type'], text });
      });
    })
      .on('error', reject)
      .end();
  });
}

let folder: string;
let previewed: PreviewServer;
let plain: PageServer;
const origins: Record<string, string> = {};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'textura-preview-'));
  for (const name of ['page', 'models', 'models-old', 'models/folder']) await mkdir(join(folder, name));
  await writeFile(join(folder, 'page/index.html'), '<p>the page</p>');
  await writeFile(join(folder, 'models/index.json'), '{"models":[]}');
  await writeFile(join(folder, 'models/a b.onnx'), 'a model');
  await writeFile(join(folder, 'models-old/secret.json'), 'secret');
  await writeFile(join(folder, 'secret.json'), 'secret');
  process.env.TEXTURA_MODELS = join(folder, 'models');
  const build = { outDir: join(folder, 'page') };
  previewed = await preview({ configFile, logLevel: 'silent', build, preview: { port: 0 } });
  plain = await startPageServer({ page: join(folder, 'page'), models: join(folder, 'models') });
  origins['npm run demo'] = previewed.resolvedUrls?.local[0] ?? '';
  origins['the server of tests and benchmarks'] = plain.origin;
});

afterAll(async () => {
  delete process.env.TEXTURA_MODELS;
  await previewed.close();
  await plain.close();
  await rm(folder, { recursive: true });
});

for (const name of ['npm run demo', 'the server of tests and benchmarks']) {
  describe(name, () => {
    test('serves the page and the models with their types', async () => {
      const origin = origins[name] ?? '';
      expect(await ask(origin, '/')).toMatchObject({ status: 200, text: '<p>the page</p>' });
      const index = await ask(origin, '/models/index.json');
      expect(index).toMatchObject({ status: 200, text: '{"models":[]}' });
      expect(index.type).toMatch('application/json');
      expect(await ask(origin, '/models/a%20b.onnx')).toMatchObject({ status: 200, text: 'a model' });
    });

    test('serves nothing outside the folder of models, and survives invalid addresses', async () => {
      const origin = origins[name] ?? '';
      for (const path of [
        '/models/..%2fmodels-old/secret.json',
        '/models/../models-old/secret.json',
        '/models/..%5cmodels-old%5csecret.json',
        '/models/%2e%2e/secret.json',
        '/models/..%2f..%2f..%2fetc/hostname',
        '/..%2fsecret.json',
        '/models/%',
        '/models/%E0%A4%A',
        '/models/index.json%00',
        '/%',
      ]) {
        const { status, text } = await ask(origin, path);
        expect({ path, isRefused: status >= 400 && status < 500, text: /secret/.test(text) }).toEqual({
          path,
          isRefused: true,
          text: false,
        });
      }
      expect((await ask(origin, '/models/index.json')).status).toBe(200);
    });

    test('answers 404 for a missing file, not the page', async () => {
      const origin = origins[name] ?? '';
      for (const path of [
        '/models/none.onnx',
        '/models/folder',
        '/onnxruntime/none.wasm',
        '/assets/none.js',
      ]) {
        expect({ path, status: (await ask(origin, path)).status }).toEqual({ path, status: 404 });
      }
    });
  });
}
