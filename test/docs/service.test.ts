import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { errorCodes } from '../../model/error.ts';
import { type ClassifyAnswer, classifyAnswerSchema } from '../../model/service.ts';
import { flagOf } from '../../node/command-line.ts';
import { runProgram } from '../../node/program.ts';
import { serveOptions } from '../../serve/settings.ts';
import { encoder, pngFile, rgbPicture } from '../support/pictures.ts';
import { exportModels, type RunningService, runService } from '../support/running-service.ts';

const page = readFileSync(new URL('../../docs/service.md', import.meta.url), 'utf8');

/** The blocks of one language that ask the service. */
const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))]
    .map(([, code = '']) => code)
    .filter((code) => code.includes('8080'));

let home: string;
let running: RunningService;
let expected: ClassifyAnswer['results'][number]['predictions'];

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'textura-docs-'));
  await exportModels(join(home, 'models'), [{ variant: 'lab-baseline' }]);
  const photo = await encoder(rgbPicture(80, 70, 1))
    .jpeg()
    .toBuffer();
  await writeFile(join(home, 'photo.jpg'), photo);
  await writeFile(join(home, 'other.png'), await pngFile(2));
  running = await runService(join(home, 'models'));
  const headers = { 'Content-Type': 'image/jpeg' };
  const response = await fetch(`${running.address}/classify?top=3`, {
    method: 'POST',
    body: new Uint8Array(photo),
    headers,
  });
  expected = classifyAnswerSchema.parse(await response.json()).results[0]?.predictions ?? [];
});
afterAll(async () => {
  await running.close();
  await rm(home, { recursive: true });
});

const here = (code: string) => code.replaceAll('http://127.0.0.1:8080', running.address);
/** The three lines that the clients of the page print. */
const lines = () => expected.map(({ label, probability }) => `${label} ${probability}`);

test('the curl commands of the page get responses', async () => {
  const commands = blocks('sh').map(here);
  expect(commands).toHaveLength(2);
  const answers = [];
  for (const command of commands) {
    const { stdout } = await runProgram(
      'sh',
      ['-c', command.replace('curl', 'curl --silent --max-time 20')],
      { cwd: home },
    );
    answers.push(classifyAnswerSchema.parse(JSON.parse(stdout)));
  }
  expect(answers[0]?.results[0]?.predictions).toEqual(expected);
  expect(answers[1]?.results.map(({ predictions, crops }) => [predictions.length, crops])).toEqual([
    [1, 1],
    [1, 1],
  ]);
});

test('the Node client of the page prints the classes', async () => {
  const [code = ''] = blocks('js');
  await writeFile(join(home, 'client.mjs'), here(code));
  const { stdout, stderr } = await runProgram(process.execPath, ['client.mjs'], { cwd: home });
  expect([stdout.trim().split('\n'), stderr]).toEqual([lines(), '']);
});

test('the Python client of the page prints the classes', async (context) => {
  const [code = ''] = blocks('python');
  const { status } = await runProgram('python3', ['--version']);
  if (status !== 0) return context.skip('there is no python3');
  const { stdout, stderr } = await runProgram('python3', ['-c', here(code)], { cwd: home });
  const printed = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  expect(stderr).toBe('');
  expect(printed.map(([label, probability]) => [label, Number(probability)])).toEqual(
    expected.map(({ label, probability }) => [label, probability]),
  );
});

test('the page lists every status, and only settings that exist', () => {
  const listed = [...page.matchAll(/^\| (\d{3}) /gm)].map(([, status]) => Number(status));
  const known = Object.values(errorCodes).map(({ http }) => http as number);
  expect(listed).toEqual([...new Set(known)].sort());
  const flags = new Set(Object.keys(serveOptions.shape).map(flagOf));
  const settings = page.slice(page.indexOf('## Operation'));
  const named = [...settings.matchAll(/`(--[a-z-]+)`/g)].map(([, flag = '']) => flag);
  expect(named.filter((flag) => !flags.has(flag))).toEqual([]);
  expect(named.length).toBeGreaterThan(10);
});
