import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BareClone, makeBareClone } from './support/bare-clone.ts';

let clone: BareClone;
beforeAll(async () => {
  clone = await makeBareClone(['zod']);
});
afterAll(() => clone.remove());

test('without a network the setup of the tests ends quickly, says why TensorFlow is missing, and the other tests run', async () => {
  // No server listens there, so every attempt of pip fails.
  const noNetwork = { PIP_INDEX_URL: 'http://127.0.0.1:9/', PIP_FIND_LINKS: clone.folder };
  const { status, stdout, stderr } = await clone.evaluate(
    `import { setup } from './test/global-setup.js'; await setup(); process.stdout.write('retries: ' + process.env.PIP_RETRIES);`,
    { TEXTURA_CACHE: join(clone.folder, 'cache'), ...noNetwork },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/TensorFlow/);
  expect(stdout).toMatch(/Tests that need TensorFlow will be skipped\.\nretries: 1$/);
});
