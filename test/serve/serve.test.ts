import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { errorCodes } from '../../model/error.ts';
import { classifyAnswerSchema, modelListSchema } from '../../model/service.ts';
import { decodeImage } from '../../node/image-decoder.ts';
import { classify } from '../../serve/classification.ts';
import { Model } from '../../serve/model.ts';
import { runScript } from '../support/command.ts';
import { freshHome } from '../support/fresh-home.ts';
import { pngFile } from '../support/pictures.ts';
import { exportModels } from '../support/running-service.ts';
import { softwareVulkan } from '../support/software-vulkan.ts';
import { tolerances } from '../tolerances.ts';

let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'textura-command-'));
  await exportModels(join(home, 'models'), [{ variant: 'lab-baseline' }]);
});
afterAll(() => rm(home, { recursive: true }));

/** Starts `npm run serve` in a process of its own; gives its address once it is ready. */
async function startCommand(args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
  const script = fileURLToPath(new URL('../../serve/serve.ts', import.meta.url));
  const child = spawn(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), script, '--port', '0', ...args],
    { cwd: home, env },
  );
  const records: Record<string, unknown>[] = [];
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const ended = new Promise<{ status: number | null; errors: string }>((resolve) => {
    child.on('close', (status) => resolve({ status, errors }));
  });
  const address = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const record = JSON.parse(line);
      records.push(record);
      if (record.msg === 'ready') resolve(records.find(({ msg }) => msg === 'listening')?.address as string);
    });
    ended.then(() => reject(new Error(`ended before it was ready: ${errors}`)));
  });
  return { child, address, records, ended };
}

test('the command answers, and on SIGTERM under load answers all that it has accepted; the home folder stays empty', async () => {
  const fresh = await freshHome(home);
  const { child, address, records, ended } = await startCommand(
    ['--models', 'models', '--device', 'cpu', '--drain-ms', '300'],
    fresh.env,
  );
  const picture = await pngFile(1, 64, 64);
  let isStopping = false;
  const outcomes: string[] = [];
  const client = async () => {
    for (;;) {
      try {
        const headers = { 'Content-Type': 'image/png' };
        const response = await fetch(`${address}/classify`, {
          method: 'POST',
          body: new Uint8Array(picture),
          headers,
        });
        await response.json();
        outcomes.push(String(response.status));
      } catch (error) {
        const { code } = (error as { cause: { code: string } }).cause;
        outcomes.push(code);
        if (isStopping) return;
      }
    }
  };
  const clients = Array.from({ length: 8 }, client);
  await expect.poll(() => outcomes.length, { timeout: 20_000 }).toBeGreaterThan(40);
  isStopping = true;
  child.kill('SIGTERM');
  const { status, errors } = await ended;
  await Promise.all(clients);
  expect([status, errors]).toEqual([0, '']);
  expect(fresh.contents()).toEqual([]);
  const answered = outcomes.filter((outcome) => outcome === '200');
  const others = outcomes.filter((outcome) => outcome !== '200');
  // Connections that the service never got to see are refused or reset.
  expect(others.filter((outcome) => !['ECONNREFUSED', 'ECONNRESET'].includes(outcome))).toEqual([]);
  const logged = records.filter(({ path }) => path === '/classify').map((record) => record.status);
  expect(logged).toEqual(answered.map(Number));
  expect(records.at(-1)?.msg).toBe('stopped; every accepted request was answered');
});

test('a port that is taken, a key that is short and a folder without models are told', async () => {
  const { child, address, ended } = await startCommand([
    '--models',
    'models',
    '--device',
    'cpu',
    '--drain-ms',
    '0',
  ]);
  const { port } = new URL(address);
  const taken = await runScript('serve/serve.ts', ['--port', port], { cwd: home });
  expect([taken.status, taken.stderr]).toEqual([
    2,
    `serve: --host 127.0.0.1 --port ${port}: cannot listen: something else listens there\n`,
  ]);
  child.kill('SIGINT');
  expect((await ended).status).toBe(0);
  const wrong = await runScript('serve/serve.ts', ['--batch-patches', '3'], { cwd: home });
  expect(wrong.status).toBe(2);
  expect(wrong.stderr).toMatch(/^serve: --batch-patches: /);
});

test('a GPU that computes what the report says answers', { timeout: 300_000 }, async (context) => {
  const vulkan = softwareVulkan();
  if ('missing' in vulkan) return context.skip(vulkan.missing);
  const { child, address, ended } = await startCommand(['--models', 'models', '--device', 'webgpu'], {
    ...process.env,
    ...vulkan.env,
  });
  const list = modelListSchema.parse(await (await fetch(`${address}/models`)).json());
  expect(list.models.map(({ device }) => device)).toEqual(['webgpu']);
  const picture = await pngFile(1, 64, 64);
  const headers = { 'Content-Type': 'image/png' };
  const response = await fetch(`${address}/classify?top=6`, {
    method: 'POST',
    body: new Uint8Array(picture),
    headers,
  });
  const [result] = classifyAnswerSchema.parse(await response.json()).results;
  const model = await Model.load(join(home, 'models/lab-baseline.onnx'));
  const expected = await classify(model, await decodeImage(picture, 'picture'), { crops: 'auto', top: 6 });
  await model.close();
  for (const [i, { label, probability }] of expected.predictions.entries()) {
    expect(result?.predictions[i]?.label).toBe(label);
    expect(Math.abs((result?.predictions[i]?.probability ?? Number.NaN) - probability)).toBeLessThan(
      tolerances.servedProbability,
    );
  }
  child.kill('SIGTERM');
  expect((await ended).status).toBe(0);
});

test('a device that is not there is refused, and the processor answers', async () => {
  const { child, address, records, ended } = await startCommand(['--models', 'models', '--device', 'cuda']);
  const list = modelListSchema.parse(await (await fetch(`${address}/models`)).json());
  const isThere = list.models[0]?.device === 'cuda';
  if (!isThere) {
    expect(list.models.map(({ device }) => device)).toEqual(['cpu']);
    expect(records.map(({ msg }) => msg).join()).toMatch(
      /cuda refused for lab-baseline: onnxruntime does not load it on cuda/,
    );
  }
  child.kill('SIGTERM');
  expect((await ended).status).toBe(0);
});

test('every error code has a title and an HTTP status', () => {
  for (const { http, means } of Object.values(errorCodes)) {
    expect(means.length).toBeGreaterThan(5);
    expect(http).toBeGreaterThanOrEqual(400);
  }
});

test('the log is JSON that commands no terminal, whatever a path holds', async () => {
  const models = 'none\u001b[2J\u009b1A\u202e\n';
  const script = fileURLToPath(new URL('../../serve/serve.ts', import.meta.url));
  const args = ['--import', import.meta.resolve('tsx'), script, '--port', '0', '--models', models];
  const child = spawn(process.execPath, args, { cwd: home, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const part of child.stdout.setEncoding('utf8')) {
    text += part;
    if (text.includes('has no model')) child.kill('SIGTERM');
  }
  expect(text).toMatch(/^[\x20-\x7e\n]+$/);
  const records = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly msg: string });
  expect(records.map(({ msg }) => msg)).toContain(
    `${models}: has no model that can be served; npm run export makes them`,
  );
});
