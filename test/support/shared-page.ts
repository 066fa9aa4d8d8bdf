/** The built page, which is the same for all test files. */
import { existsSync } from 'node:fs';
import { mkdir, rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildPage } from '../../bench/web/page-server.ts';

/** The folder of the page. The first test file that asks builds it; the others wait, or try if that fails. */
export async function builtPage(): Promise<string> {
  const shared = process.env.TEXTURA_TEST_SHARED ?? '';
  const [page, lock] = [join(shared, 'page'), join(shared, 'page-lock')];
  while (!existsSync(page)) {
    const isOurs = await mkdir(lock).then(
      () => true,
      () => false,
    );
    if (!isOurs) {
      await sleep(50);
      continue;
    }
    try {
      if (!existsSync(page)) await rename((await buildPage()).folder, page);
    } finally {
      await rmdir(lock);
    }
  }
  return page;
}
