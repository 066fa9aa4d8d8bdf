import { chmod } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { expect, test } from 'vitest';
import { findChromium } from '../../../bench/web/chromium.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('the browser is the first executable one on the PATH, or the one in the setting', async () => {
  const folder = await temporaryFolder({ 'a/chromium': '', 'b/google-chrome': '', 'c/chromium': '' });
  const [a, b, c] = ['a', 'b', 'c'].map((name) => join(folder, name)) as [string, string, string];
  for (const program of [join(b, 'google-chrome'), join(c, 'chromium')]) await chmod(program, 0o755);
  expect(findChromium({ PATH: [a, b, c].join(delimiter) })).toBe(join(b, 'google-chrome'));
  expect(findChromium({ PATH: a })).toBeUndefined();
  expect(findChromium({})).toBeUndefined();
  expect(findChromium({ PATH: c, TEXTURA_CHROMIUM: '/opt/mine' })).toBe('/opt/mine');
});
