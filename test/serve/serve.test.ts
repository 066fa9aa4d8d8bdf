import { spawn, spawnSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { classifyAnswerSchema, modelListSchema } from '../../model/service.ts';
import { decodeImage } from '../../node/image-decoder.ts';
import { classify } from '../../serve/classification.ts';
import { Model } from '../../serve/model.ts';
import { moduleAddress, runHere, runScript, startArguments } from '../support/command.ts';
import { freshHome } from '../support/fresh-home.ts';
import { pngFile } from '../support/pictures.ts';
import { statusesIn } from '../support/raw-http.ts';
import { exportModels } from '../support/running-service.ts';
import { softwareVulkan } from '../support/software-vulkan.ts';
import { neverAccepted, startLoad, startService } from '../support/started-service.ts';
import { tolerances } from '../tolerances.ts';

let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'textura-command-'));
  await exportModels(join(home, 'models'), [{ variant: 'lab-baseline', width: 0.2 }]);
});
afterAll(() => rm(home, { recursive: true }));

const repository = fileURLToPath(new URL('../../', import.meta.url));
const startServe = startArguments('serve/serve.ts');

/** Ends with the test. */
async function startCommand(
  args: readonly string[],
  start: Partial<Parameters<typeof startService>[1]> = {},
) {
  const started = await startService(args, { cwd: home, ...start });
  onTestFinished(() => void started.child.kill('SIGKILL'));
  return started;
}

const onCpu = ['--models', 'models', '--device', 'cpu'];
/** Few threads, because each costs half a second to start, and no wait before the port closes. */
const quick = ['--inference-workers', '1', '--decode-threads', '1', '--drain-ms', '0'];

test('the command serves, and on SIGTERM under load answers all accepted requests; the home folder stays empty', async () => {
  const fresh = await freshHome(home);
  const { child, address, records, ended } = await startCommand([...onCpu, '--drain-ms', '300'], {
    env: fresh.env,
  });
  const load = startLoad(address, await pngFile(1, 64, 64), 8);
  await expect.poll(() => load.outcomes.length, { timeout: 20_000 }).toBeGreaterThan(40);
  const clients = load.untilStopped();
  child.kill('SIGTERM');
  const { status, errors } = await ended;
  await clients;
  expect([status, errors]).toEqual([0, '']);
  expect(fresh.contents()).toEqual([]);
  const answered = load.outcomes.filter((outcome) => outcome === '200');
  const others = load.outcomes.filter((outcome) => outcome !== '200');
  expect(others.filter((outcome) => !neverAccepted.includes(outcome))).toEqual([]);
  const logged = records.filter(({ requestId }) => requestId === load.id).map((record) => record.status);
  expect(logged).toEqual(answered.map(Number));
  expect(records.at(-1)?.msg).toBe('stopped; every accepted request was answered');
});

test('a port in use and a wrong option are reported', async () => {
  const { child, address, ended } = await startCommand([...onCpu, ...quick]);
  const { port } = new URL(address);
  const taken = await runScript('serve/serve.ts', ['--port', port], { cwd: home });
  expect([taken.status, taken.stderr]).toEqual([
    2,
    `serve: --host 127.0.0.1 --port ${port}: cannot listen: the port is in use\n`,
  ]);
  child.kill('SIGINT');
  expect((await ended).status).toBe(0);
  const wrong = await runHere('serve/serve.ts', ['--batch-patches', '3'], { cwd: home });
  expect(wrong.status).toBe(2);
  expect(wrong.stderr).toMatch(/^serve: --batch-patches: /);
});

test.skipIf(process.platform !== 'linux')(
  'Ctrl-C while models are checked is not logged as a fault of a model',
  async () => {
    const program = ['setsid', process.execPath, ...startServe] as const;
    const { child, records, ended } = await startService(
      [...onCpu, ...quick],
      { cwd: home, program },
      /^listening$/,
    );
    // A terminal sends it to all processes of the group.
    process.kill(-(child.pid as number), 'SIGINT');
    expect(await ended).toEqual({ status: 0, errors: '' });
    expect(records.map(({ msg }) => msg).filter((msg) => String(msg).includes('refused'))).toEqual([]);
    expect(records.at(-1)?.msg).toBe('stopped; every accepted request was answered');
  },
);

test('a GPU whose outputs match the report is used', { timeout: 300_000 }, async (context) => {
  const vulkan = softwareVulkan();
  if ('missing' in vulkan) return context.skip(vulkan.missing);
  const { child, address, ended } = await startCommand(
    // The software GPU takes a minute for a batch of 256.
    ['--models', 'models', '--device', 'webgpu', '--batch-patches', '16', ...quick],
    {
      env: { ...process.env, ...vulkan.env },
    },
  );
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

test('a missing device is rejected, and the CPU answers', async () => {
  const { child, address, records, ended } = await startCommand([
    ...['--models', 'models', '--device', 'cuda'],
    ...quick,
  ]);
  const list = modelListSchema.parse(await (await fetch(`${address}/models`)).json());
  const isThere = list.models[0]?.device === 'cuda';
  if (!isThere) {
    expect(list.models.map(({ device }) => device)).toEqual(['cpu']);
    expect(records.map(({ msg }) => msg).join()).toMatch(
      /cuda refused for lab-baseline: onnxruntime cannot load it on cuda/,
    );
  }
  child.kill('SIGTERM');
  expect((await ended).status).toBe(0);
});

/** Answers later than the service is asked to end. */
async function slowRequest(address: string) {
  const { hostname, port } = new URL(address);
  const socket = connect(Number(port), hostname);
  const picture = await pngFile(1, 64, 64);
  const head = ['POST /classify HTTP/1.1', 'Host: x', 'Content-Type: image/png'];
  socket.write([...head, `Content-Length: ${picture.length}`, '', ''].join('\r\n'));
  socket.write(picture.subarray(0, 20));
  const answer = text(socket);
  return { answer, finish: () => socket.write(picture.subarray(20)) };
}

test('SIGTERM to npm ends the service and then npm, after all accepted requests are answered', async () => {
  const { child, address, ended } = await startCommand(
    ['--models', join(home, 'models'), '--device', 'cpu', '--drain-ms', '200'],
    { program: ['npm', 'run', '--silent', 'serve', '--'], cwd: repository },
  );
  const { answer, finish } = await slowRequest(address);
  await fetch(`${address}/healthz`);
  child.kill('SIGTERM');
  await sleep(100);
  finish();
  expect(statusesIn(await answer)).toEqual([200]);
  expect((await ended).status).toBe(0);
  await expect(fetch(`${address}/healthz`)).rejects.toThrow();
});

test('if the log pipe is closed, the service keeps answering and SIGTERM ends it', async () => {
  const { child, address, ended } = await startCommand([...onCpu, ...quick]);
  child.stdout.destroy();
  child.stderr.destroy();
  expect((await fetch(`${address}/readyz`)).status).toBe(200);
  child.kill('SIGTERM');
  expect((await ended).status).toBe(0);
});

test('a fatal error ends the process even if the log pipe is closed', async () => {
  const preload = moduleAddress('test/support/doomed-threads.ts');
  const program = [process.execPath, '--import', preload, ...startServe] as const;
  const { child, ended } = await startCommand([...onCpu, ...quick], { program });
  child.stdout.destroy();
  child.stderr.destroy();
  child.kill('SIGUSR2');
  expect((await ended).status).toBe(1);
});

test('the service works and keeps its priority under a nice value that only root can lower', async (context) => {
  const lowered = asOrdinaryUser(['nice', '-n', '15']);
  if ('missing' in lowered) return context.skip(lowered.missing);
  await chmod(home, 0o755);
  const { child, address, ended } = await startCommand([...onCpu, ...quick], {
    program: [...lowered.program, process.execPath, ...startServe],
  });
  const headers = { 'Content-Type': 'image/png' };
  const body = new Uint8Array(await pngFile(1, 64, 64));
  expect((await fetch(`${address}/classify`, { method: 'POST', body, headers })).status).toBe(200);
  const asStarted = Math.min(19, getPriority() + 15);
  expect(await nicenessOfThreads(child.pid)).toEqual(new Set([String(asStarted)]));
  child.kill('SIGTERM');
  expect((await ended).status).toBe(0);
});

/** The program as somebody who is not root; the user who runs the tests where that is one. */
function asOrdinaryUser(
  program: readonly [string, ...string[]],
): { readonly program: readonly [string, ...string[]] } | { readonly missing: string } {
  if (process.platform !== 'linux') return { missing: 'priorities of threads are tested on Linux' };
  if (process.getuid?.() !== 0) return { program };
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] as const;
  const reading = ['test', '-r', join(repository, 'node_modules/onnxruntime-node/package.json')];
  const { status } = spawnSync(nobody[0], [...nobody.slice(1), ...reading]);
  if (status !== 0) return { missing: 'there is no setpriv, or other users may not read this folder' };
  return { program: [...nobody, ...program] };
}

async function nicenessOfThreads(pid: number | undefined): Promise<ReadonlySet<string | undefined>> {
  const tasks = await readdir(`/proc/${pid}/task`);
  const states = await Promise.all(tasks.map((task) => readFile(`/proc/${pid}/task/${task}/stat`, 'utf8')));
  // The name, in brackets, may hold anything; field 19 is the 17th behind it.
  return new Set(states.map((state) => state.split(') ').at(-1)?.split(' ')[16]));
}

test('the log is JSON without terminal control characters, whatever a path contains', async () => {
  const models = 'none\u001b[2J\u009b1A\u202e\n';
  const args = [...startServe, '--port', '0', '--models', models, ...quick];
  const child = spawn(process.execPath, args, { cwd: home, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const part of child.stdout.setEncoding('utf8')) {
    text += part;
    if (text.includes('no such folder')) child.kill('SIGTERM');
  }
  expect(text).toMatch(/^[\x20-\x7e\n]+$/);
  const records = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly msg: string });
  expect(records.map(({ msg }) => msg)).toContain(
    `${models}: there is no such folder; npm run export writes models`,
  );
});
