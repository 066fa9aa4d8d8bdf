/**
 * Before all tests: compiles the repository, because loading TypeScript costs each process and thread that a
 * test starts a third of a second of computing. `node/own-module.ts` starts the compiled modules. Also makes
 * the folder for what test files share (`test/support/shared-page.ts`).
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { compiledCopy } from '../node/own-module.ts';
import { compile, productRooms, repository } from '../package/compile.ts';

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const recompile = () => compile(join(repository, compiledCopy), [...productRooms, 'bench', 'test']);
  await recompile();
  const shared = await mkdtemp(join(tmpdir(), 'textura-tests-'));
  const remove = () => rm(shared, { recursive: true, force: true });
  project.onTestsRerun(async () => {
    await recompile();
    await remove();
    await mkdir(shared);
  });
  process.env.TEXTURA_COMPILED = '1';
  process.env.TEXTURA_TEST_SHARED = shared;
  return remove;
}
