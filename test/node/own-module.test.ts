import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, test, vi } from 'vitest';
import { isPackaged, nodeArguments, productFile, startable } from '../../node/own-module.ts';

const module = new URL('../../training/train.ts', import.meta.url);
const repository = fileURLToPath(new URL('../..', import.meta.url));

test('in the repository a module starts as TypeScript, with a loader for a Node that needs one', () => {
  vi.stubEnv('TEXTURA_COMPILED', undefined);
  expect(isPackaged()).toBe(false);
  const { url, execArgv } = startable(module);
  expect(url.href).toBe(module.href);
  const isNative = 'typescript' in process.features && process.features.typescript;
  const loader = new URL('../../node/typescript.mjs', import.meta.url).href;
  expect(execArgv).toEqual(isNative ? [] : ['--import', loader]);
  expect(nodeArguments(module)).toEqual([...execArgv, `${repository}training/train.ts`]);
});

test('tests start the compiled copy of a module, and modules that have none as they are', () => {
  vi.stubEnv('TEXTURA_COMPILED', '1');
  const compiled = nodeArguments(module);
  expect(compiled).toEqual([`${repository}.cache/compiled/training/train.js`]);
  expect(existsSync(compiled[0] ?? '')).toBe(true);
  const foreign = pathToFileURL('/elsewhere/train.ts');
  expect(startable(foreign).url.href).toBe(foreign.href);
  const script = new URL('../../node/thread-start.mjs', import.meta.url);
  expect(startable(script)).toEqual({ url: script, execArgv: [] });
});

test('files of the product are in the folder of package.json', () => {
  expect(productFile('package.json')).toBe(`${repository}package.json`);
});
