import { join } from 'node:path';
import { expect, test } from 'vitest';
import { missingModels } from '../../serve/registry/model-folder.ts';
import { resolveSettings, serveOptions, settingsOfProcess } from '../../serve/settings.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const settings = (cores: number, options: object = {}) => {
  const { inferenceWorkers, inferenceThreads, soloThreads, batchPatches } = resolveSettings(
    serveOptions.parse(options),
    {},
    cores,
  );
  return [inferenceWorkers, inferenceThreads, soloThreads, batchPatches];
};

test('parallel batches share the cores, a single batch uses all of them', () => {
  expect(settings(1)).toEqual([1, 1, 1, 16]);
  expect(settings(2)).toEqual([2, 1, 2, 16]);
  expect(settings(6)).toEqual([4, 1, 6, 16]);
  expect(settings(16)).toEqual([4, 4, 16, 32]);
});

test('batches on a GPU are larger, unless their size is set', () => {
  const gpu = (options: object) => resolveSettings(serveOptions.parse(options), {}, 2).gpuBatchPatches;
  expect([gpu({}), gpu({ batchPatches: 1000 })]).toEqual([256, 1000]);
});

test('no run has more threads than requested or than there are cores', () => {
  expect(settings(8, { inferenceWorkers: 1, inferenceThreads: 1 })).toEqual([1, 1, 1, 16]);
  expect(settings(8, { inferenceWorkers: 2, inferenceThreads: 2 })).toEqual([2, 2, 4, 32]);
  expect(settings(2, { inferenceWorkers: 2, inferenceThreads: 4 })).toEqual([2, 4, 2, 32]);
  expect(settings(8, { inferenceWorkers: 2 })).toEqual([2, 4, 8, 32]);
});

test('a time that a timer cannot wait, which would end at once, is rejected', () => {
  const times = serveOptions.keyof().options.filter((name) => name.endsWith('Ms'));
  expect(times).toHaveLength(7);
  const works = (name: string, ms: number) => serveOptions.safeParse({ [name]: ms }).success;
  for (const name of times)
    expect([works(name, 86_400_000), works(name, 2 ** 31)], name).toEqual([true, false]);
});

test('an origin that no browser sends is rejected, with the one that it sends', () => {
  for (const allowOrigin of [
    '*',
    'https://example.org',
    'http://xn--mnchen-3ya.de',
    'http://[::1]:3000',
    'chrome-extension://ab',
  ])
    expect(serveOptions.parse({ allowOrigin })).toMatchObject({ allowOrigin });
  const faultOf = (allowOrigin: string) =>
    serveOptions.safeParse({ allowOrigin }).error?.issues.map(({ message }) => message);
  for (const [given, sent] of [
    ['https://example.org/', 'https://example.org'],
    ['https://Example.org/page?a#b', 'https://example.org'],
    ['http://m\u00fcnchen.de', 'http://xn--mnchen-3ya.de'],
    ['https://example.org:443', 'https://example.org'],
    ['http://example.org:0080', 'http://example.org'],
    ['http://127.1:3000', 'http://127.0.0.1:3000'],
    ['https://me@example.org', 'https://example.org'],
  ] as const)
    expect(faultOf(given)).toEqual([`expected ${sent}, which is how browsers send this origin`]);
  const expected = 'expected an origin such as https://example.org, or *';
  for (const given of [
    '',
    'example.org',
    'localhost:3000',
    'file:///home/page.html',
    'https://a, https://b',
    'https://a,b',
    'https://*.example.org',
  ])
    expect(faultOf(given), given).toEqual([expected]);
  expect(faultOf('null')).toEqual([`${expected}; null would allow pages of every site, as * does`]);
});

test('a key that is too short is rejected, and not repeated', () => {
  expect(() => resolveSettings(serveOptions.parse({}), { TEXTURA_API_KEY: 'secret' }, 2)).toThrow(
    expect.objectContaining({
      code: 'usage',
      message: 'TEXTURA_API_KEY: expected 16 characters or more',
    }),
  );
});

test('processes divide the cores and the limits, and each can take the largest request', () => {
  const each = (options: object, cores = 16) => settingsOfProcess(serveOptions.parse(options), {}, cores);
  const one = resolveSettings(serveOptions.parse({}), {}, 16);
  expect(each({ processes: 1 })).toEqual({ ...one });
  const four = each({ processes: 4 });
  expect(four).toMatchObject({ inferenceWorkers: 4, inferenceThreads: 1, soloThreads: 4, decodeThreads: 4 });
  expect(four).toMatchObject({ queueImages: 256, maxConnections: 256, maxBufferedBytes: 67_174_400 });
  expect(each({ processes: 4, queueImages: 256 }).queueImages).toBe(64);
  // As JSON, 32 MiB of images take up to 64 MiB and 64 KiB.
  expect(each({ processes: 3 }).maxBufferedBytes).toBe(Math.ceil((256 * 1024 * 1024) / 3));
  expect(each({ processes: 32, queueImages: 256 })).toMatchObject({
    inferenceWorkers: 1,
    soloThreads: 1,
    queueImages: 16,
  });
  expect(each({ processes: 2, queueImages: 8, maxBufferedBytes: 4096 })).toMatchObject({
    queueImages: 8,
    maxBufferedBytes: 4096,
  });
  expect(each({ processes: 2, inferenceWorkers: 5 }, 2)).toMatchObject({
    inferenceWorkers: 5,
    soloThreads: 1,
  });
});

test('a folder without models is explained', async () => {
  const folder = await temporaryFolder({ 'empty/readme.txt': '', 'copied/texture-net.onnx': '' });
  const why = async (name: string) => (await missingModels(join(folder, name))).slice(folder.length + 1);
  expect(await why('empty')).toBe('empty: it has no model that can be served; npm run export writes models');
  expect(await why('none')).toBe('none: there is no such folder; npm run export writes models');
  expect(await why('empty/readme.txt')).toContain('there is no such folder');
  expect(await why('copied')).toBe(
    'copied: it has no index.json, which lists the models; copy all files of an export',
  );
});
