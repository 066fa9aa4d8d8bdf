import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { parseArguments } from '../../node/command-line.ts';
import { configFile, configuredOptions } from '../../node/config-file.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const command = {
  name: 'serve',
  summary: 'Serves a cloth.',
  options: z.strictObject({
    port: z.int().min(0).max(65_535).default(8080),
    host: z.string().min(1).default('127.0.0.1'),
    resume: z.boolean().default(false),
  }),
  configurable: ['port', 'host'],
  run: async () => {},
} as const;

const configured = async (content: unknown) => {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  return configuredOptions(command, await temporaryFolder({ [configFile]: text }));
};

test('the file sets options of its command, which the command line overrides', async () => {
  const options = await configured({
    $schema: 'x',
    serve: { port: 9000, host: '::' },
    train: { data: 'photos' },
  });
  expect(options).toEqual({ port: 9000, host: '::' });
  const parsed = parseArguments(command, ['--port', '7000'], () => options);
  expect(parsed?.options).toEqual({ port: 7000, host: '::', resume: false });
  expect(parsed?.given, 'only what was on the command line').toEqual(new Set(['port']));
});

test('a byte order mark, as editors on Windows write it, is no mistake', async () => {
  expect(await configured('\uFEFF{ "serve": { "port": 9000 } }')).toEqual({ port: 9000 });
});

test('without a file, or for a command that it cannot configure, nothing is set', async () => {
  expect(configuredOptions(command, await temporaryFolder())).toEqual({});
  expect(await configured({})).toEqual({});
  const folder = await temporaryFolder({ [configFile]: 'no JSON' });
  expect(configuredOptions({ name: 'doctor', options: z.strictObject({}) }, folder)).toEqual({});
});

test.each([
  ['{"serve": ', /^textura\.config\.json: not JSON: /],
  [[1], 'textura.config.json: expected an object'],
  [{ serve: 3 }, 'textura.config.json: serve: expected an object'],
  [{ serv: {} }, 'textura.config.json: serv: not a command; did you mean serve?'],
  [
    { serve: { prot: 1 } },
    'textura.config.json: serve.prot: not an option of serve that this file may set; did you mean port?',
  ],
  [
    { serve: { resume: true } },
    'textura.config.json: serve.resume: not an option of serve that this file may set; expected one of port, host',
  ],
  [{ serve: { port: 70_000 } }, 'textura.config.json: serve.port: expected 65535 or less, got 70000'],
  [{ serve: { port: '80' } }, 'textura.config.json: serve.port: expected a number, got "80"'],
  [
    { 'evil\u001b[2J': {} },
    /^textura\.config\.json: evil\\u001b\[2J: not a command; expected one of \$schema, train, /,
  ],
])('%j is refused with the place and what is expected', async (content, message) => {
  await expect(configured(content)).rejects.toMatchObject({
    code: 'usage',
    message: typeof message === 'string' ? message : expect.stringMatching(message),
  });
});

test('a file that cannot be read is an error, not a missing one', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, configFile));
  await writeFile(join(folder, configFile, 'inside'), '');
  expect(() => configuredOptions(command, folder)).toThrow('textura.config.json: it cannot be read (EISDIR)');
});
